package group

// Account. What a member knows of one publisher of the group's topic; the topic is keyed by publisher.
//
//	offset  size  constant            holds
//	0       8     accOffMember        number of the member
//	8       8     accOffParticipant   participant of the publisher; 0: of no publisher, the member's first account
//	16      4     accOffPublisher     number of the publisher
//	20      4     accOffRanges        ranges that follow
//	24      4     accOffClaims        claims that follow
//	32      8     accOffFirst         lowest sequence that the group accounts for
const (
	accOffMember      = 0
	accOffParticipant = 8
	accOffPublisher   = 16
	accOffRanges      = 20
	accOffClaims      = 24
	accOffFirst       = 32
)

// accountSize is the size of an account without ranges and claims. A range has 16 bytes: the first and the last sequence that are
// acknowledged, ascending and apart. A claim has 8 bytes: a sequence that the member has or had and that is not acknowledged, and claimHeld
// if it has it now.
const (
	accountSize = 40
	rangeSize   = 16
	claimSize   = 8
	claimHeld   = 1 << 63
)

// Announcement. What a member says of itself; latched.
//
//	offset  size  constant        holds
//	0       8     annOffMember    number of the member
//	8       8     annOffFile      inode of the registry file whose places the member locks
//	16      4     annOffNoticed   numbers that follow
//	20      4     annOffJoined    1: it takes part
const (
	annOffMember  = 0
	annOffFile    = 8
	annOffNoticed = 16
	annOffJoined  = 20
)

// announcementSize is the size of an announcement without the numbers of 8 bytes of the members whose accounts the member reads.
const announcementSize = 24

const (
	maxRanges   = 1024 // of an account, enough around the maxClaims samples that a member may keep; the lowest of more are left out
	maxClaims   = 960  // of an account
	maxMembers  = 256  // of a group
	maxAccounts = 4096 // that a member has; the oldest without kept samples is forgotten
	maxMarks    = 4096 // of samples of one publisher that were claimed before
)
