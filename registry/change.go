package registry

import "fmt"

// ChangeKind says what a Change is about.
type ChangeKind uint8

const (
	Joined          ChangeKind = 1 + iota // a participant was seen for the first time
	Left                                  // a participant closed; its entities were Removed before
	Died                                  // a participant ended without closing; its entities were Removed before
	Added                                 // a publisher or subscription was advertised
	Removed                               // a publisher or subscription is gone
	Touched                               // a participant changed something; comes after the Added and Removed of it
	Corrupt                               // something of a participant could not be believed and is ignored: Err
	VersionMismatch                       // a participant speaks another layout version and is ignored: Err is a *VersionError
)

var changeNames = [...]string{
	Joined: "joined", Left: "left", Died: "died", Added: "added", Removed: "removed", Touched: "touched",
	Corrupt: "corrupt", VersionMismatch: "incompatible",
}

func (k ChangeKind) String() string {
	if int(k) < len(changeNames) && changeNames[k] != "" {
		return changeNames[k]
	}
	return fmt.Sprintf("ChangeKind(%d)", uint8(k))
}

// A Change is one thing that a look at the domain found to be different from before.
type Change struct {
	Kind        ChangeKind
	Participant Participant // whom it is about, without Entities; for VersionMismatch and Corrupt perhaps only the ID
	Endpoint    Endpoint    // Added, Removed
	Files       bool        // Touched: the participant's reader file may say something new, too
	Err         error       // Corrupt, Incompatible
}
