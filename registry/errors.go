package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/shmbus/shmbus/internal/shm"
)

// A NameError says that a name breaks a rule for names of its kind.
type NameError struct {
	What string // "topic name", "topic pattern", "domain name", "unit name", ...
	Name string
	Rule string // the rule that the name breaks
}

func (e *NameError) Error() string {
	return fmt.Sprintf("%.300q is not a valid %s: %s", e.Name, e.What, e.Rule)
}

// A NameConflictError says that a foreign file has a name that shmbus needs for a file of its own. In a shared domain, each
// user that may create files in the directory can cause that.
type NameConflictError struct {
	Path   string
	Mode   fs.FileMode // of the foreign file
	UID    int         // its owner; -1 where the system does not tell
	Remedy string
	Err    error // the kernel's answer
}

func (e *NameConflictError) Error() string {
	s := fmt.Sprintf("%s is taken by a %s", e.Path, shm.SortOf(e.Mode))
	if e.UID >= 0 {
		s += " of " + userName(e.UID)
	}
	return s + " that does not belong there: " + e.Remedy
}

func (e *NameConflictError) Unwrap() error { return e.Err }

// ExplainNameConflict turns an error that says that a name exists already into a *NameConflictError, and returns all other
// errors unchanged. The remedy says what to do at once and ends in the verb whose object is the file. The path and the users
// that may remove the file are appended.
func ExplainNameConflict(path, remedy string, err error) error {
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nameConflict(path, remedy, err)
}

func nameConflict(path, remedy string, err error) error {
	info, serr := os.Lstat(path)
	if serr != nil {
		return err // the file is gone
	}
	owner := "its owner"
	if uid := ownerOf(info); uid >= 0 {
		owner = userName(uid)
	}
	remedy += " " + path + ", as " + owner + ", as the owner of the directory or as root"
	return &NameConflictError{Path: path, Mode: info.Mode(), UID: ownerOf(info), Remedy: remedy, Err: err}
}

// A DirError says that a directory cannot serve as a domain.
type DirError struct {
	Dir    string
	Reason string
	Remedy string
	Err    error // the cause, or nil
}

func (e *DirError) Error() string {
	s := fmt.Sprintf("%q cannot be used as a domain directory: %s", e.Dir, e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + "; " + e.Remedy
}

func (e *DirError) Unwrap() error { return e.Err }

// An InUseError says that a domain cannot be removed because participants live in it.
type InUseError struct {
	Dir          string
	Participants []ID
}

func (e *InUseError) Error() string {
	const shown = 5
	ids := make([]string, 0, shown+1)
	for i, id := range e.Participants {
		if i == shown {
			ids = append(ids, "...")
			break
		}
		ids = append(ids, id.String())
	}
	return fmt.Sprintf("the domain %s is in use by %d participants (%s): end those programs first (shmmon ps lists them)",
		e.Dir, len(e.Participants), strings.Join(ids, ", "))
}
