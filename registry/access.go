package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/shm"
)

// An AccessError says that the kernel refused this process an operation in a domain, by the mode and the owner of a file.
type AccessError struct {
	What   string // the operation
	Path   string // the file
	Mode   fs.FileMode
	UID    int // owner of Path; -1 where the system does not tell
	GID    int
	User   int   // effective user of this process
	Groups []int // and its groups
	Remedy string
	Err    error // the kernel's answer
}

func (e *AccessError) Error() string {
	cause := e.Err
	var at *fs.PathError
	if errors.As(cause, &at) {
		cause = at.Err
	}
	s := fmt.Sprintf("%s: %v on %s", e.What, cause, e.Path)
	if e.UID >= 0 {
		s += fmt.Sprintf(", which has mode %s and belongs to %s, %s", octal(e.Mode), userName(e.UID), groupName(e.GID))
	}
	return fmt.Sprintf("%s; this process is %s%s; %s", s, userName(e.User), groupNames(e.Groups), e.Remedy)
}

func (e *AccessError) Unwrap() error { return e.Err }

// octal returns a mode in the form that chmod takes.
func octal(mode fs.FileMode) string {
	n := mode.Perm()
	if mode&fs.ModeSticky != 0 {
		n |= 0o1000
	}
	if mode&fs.ModeSetgid != 0 {
		n |= 0o2000
	}
	return fmt.Sprintf("%04o", uint32(n))
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return fmt.Sprintf("user %d (%s)", uid, u.Username)
	}
	return fmt.Sprintf("user %d", uid)
}

func groupName(gid int) string {
	if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return fmt.Sprintf("group %d (%s)", gid, g.Name)
	}
	return fmt.Sprintf("group %d", gid)
}

func groupNames(gids []int) (s string) {
	for _, gid := range gids {
		s += ", " + groupName(gid)
	}
	return s
}

// ownGroups returns the groups of this process.
func ownGroups() []int {
	groups, _ := os.Getgroups() // does not fail on Linux
	groups = append(groups, os.Getegid())
	slices.Sort(groups)
	return slices.Compact(groups)
}

// explain turns the kernel's refusal of access in a domain into an *AccessError, and returns all other errors unchanged.
func explain(what, dir string, err error) error {
	if !errors.Is(err, fs.ErrPermission) || errors.As(err, new(*AccessError)) || errors.As(err, new(*NameConflictError)) {
		return err
	}
	e := &AccessError{What: what, Path: dir, UID: -1, GID: -1, User: os.Geteuid(), Groups: ownGroups(), Err: err}
	var at *fs.PathError
	if errors.As(err, &at) && filepath.IsAbs(at.Path) {
		e.Path = at.Path
	}
	info, serr := os.Stat(e.Path)
	for serr != nil && e.Path != "/" { // a directory above is closed: name the nearest one that can be examined
		e.Path = filepath.Dir(e.Path)
		info, serr = os.Stat(e.Path)
	}
	if serr == nil {
		e.Mode, e.UID, e.GID = info.Mode(), ownerOf(info), groupOf(info)
	}
	e.Remedy = e.remedy(dir)
	return e
}

// ExplainAccess turns the kernel's refusal of access in the domain in dir into an *AccessError, and returns all other errors
// unchanged. what names the operation.
func ExplainAccess(what, dir string, err error) error { return explain(what, dir, err) }

func (e *AccessError) remedy(dir string) string {
	mine, member := e.User == e.UID, slices.Contains(e.Groups, e.GID)
	perm := e.Mode.Perm()
	switch {
	case e.UID < 0:
		return "choose another directory (SHMBUS_DIR, SHMBUS_DOMAIN)"
	case e.Path != dir && filepath.Dir(e.Path) == dir && !e.Mode.IsDir() && !mine && !member:
		return "have this user put into that group and start the program anew"
	case e.Path != dir && e.Mode.IsDir():
		return "have its owner let this user pass (chmod o+x), or choose another with SHMBUS_DIR"
	case e.Path != dir:
		return "run as its owner, or remove the file once no program of the domain runs"
	case mine:
		return "chmod u+rwx it"
	case member && perm&0o050 == 0o050 && perm&0o020 == 0:
		return "the group may only read here (ReadOnly, which shmmon echo and shmrec record choose by themselves); " +
			"to take part, run as its owner or have that one chmod 2770 it"
	case member && perm&0o070 == 0o070:
		return "the directory is sticky: run as the owner of the file or of the directory"
	case perm&0o050 == 0o050:
		return "have this user put into that group and start the program anew, run as its owner, " +
			"or choose another domain (SHMBUS_DIR, SHMBUS_DOMAIN)"
	}
	return "it is its owner's alone: run as that user, have it shared (chgrp GROUP and chmod 2770; 2750 lets the group read), " +
		"or choose another domain (SHMBUS_DIR, SHMBUS_DOMAIN)"
}

// A PIDCheck says what the kernel confirms of the pid in a participant's file. The kernel vouches for the owner of the file.
// The content of the file is a claim of that owner.
type PIDCheck uint8

const (
	// PIDUnverified: nothing. The process is in another pid namespace, has ended, or acts as another user.
	PIDUnverified PIDCheck = iota
	// PIDOfUser: a process with this pid and start time exists, and acts as the user that owns the file.
	PIDOfUser
	// PIDOfFile: in addition that process has the participant's file mapped, so it is the participant, or a child that got
	// the file from it. The kernel tells this only to root and to the same user. Only an Observer asks.
	PIDOfFile
)

var checkNames = [...]string{PIDUnverified: "own word", PIDOfUser: "same user", PIDOfFile: "same file"}

func (p PIDCheck) String() string {
	if int(p) < len(checkNames) {
		return checkNames[p]
	}
	return fmt.Sprintf("PIDCheck(%d)", uint8(p))
}

// MarshalText makes JSON carry the PIDCheck as its String.
func (p PIDCheck) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// ownedBy refuses a file of a participant that does not belong to the user of its participant file: another user with write
// access to the directory put it there.
func ownedBy(f *shm.File, uid int) error {
	owner, err := f.Owner()
	if err != nil {
		return err
	}
	return CheckOwner(f.Path(), owner.UID, uid)
}

// CheckOwner returns a *errdefs.CorruptError when the owner of a participant's file is not the user of that participant.
func CheckOwner(path string, owner, want int) error {
	if owner == want {
		return nil
	}
	return &errdefs.CorruptError{Path: path, What: fmt.Sprintf("it belongs to %s and its participant to %s, "+
		"so another user put it there; mode 3770 of the directory prevents that",
		userName(owner), userName(want))}
}
