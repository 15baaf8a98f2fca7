package registry

import "fmt"

// A ChangeKind tells what happened.
type ChangeKind uint8

const (
	Joined          ChangeKind = 1 + iota // a participant was found for the first time
	Left                                  // a participant closed; its endpoints were Removed before
	Died                                  // a participant ended without closing; its endpoints were Removed before
	Added                                 // a publisher or subscription was advertised
	Removed                               // a publisher or subscription is gone
	Updated                               // a participant changed something; comes after its Added and Removed
	Corrupt                               // a file of a participant fails a check, and that part is ignored: Err
	VersionMismatch                       // a participant has another layout version and is ignored: Err is a *errdefs.VersionError
)

var changeNames = [...]string{
	Joined: "joined", Left: "left", Died: "died", Added: "added", Removed: "removed", Updated: "updated",
	Corrupt: "corrupt", VersionMismatch: "version mismatch",
}

func (k ChangeKind) String() string {
	if int(k) < len(changeNames) && changeNames[k] != "" {
		return changeNames[k]
	}
	return fmt.Sprintf("ChangeKind(%d)", uint8(k))
}

// A Change is one difference that a scan of the domain found.
type Change struct {
	Kind        ChangeKind
	Participant Participant // the subject, without Endpoints; for VersionMismatch and Corrupt perhaps only the ID
	Endpoint    Endpoint    // Added, Removed
	Files       bool        // Updated: the participant's reader file may have changed too
	Err         error       // Corrupt, VersionMismatch
}
