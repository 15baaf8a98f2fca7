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

	"github.com/shmbus/shmbus/internal/shm"
)

// An AccessError says that the kernel refused this process something in a domain, by the mode and the owner of a file.
type AccessError struct {
	What   string // what was refused
	Path   string // what it was refused on
	Mode   fs.FileMode
	UID    int // who owns Path; -1 where that cannot be asked
	GID    int
	User   int   // as whom this process acts
	Groups []int // and in which groups
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

// octal is a mode as chmod takes it.
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

// ownGroups are the groups that the kernel counts this process in.
func ownGroups() []int {
	groups, _ := os.Getgroups() // fails for nobody who has a kernel
	groups = append(groups, os.Getegid())
	slices.Sort(groups)
	return slices.Compact(groups)
}

// explain makes an *AccessError of an error about a domain that says that the kernel refuses something. Others stay as they
// are.
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
	for serr != nil && e.Path != "/" { // a directory above it is closed: the nearest that can be asked about
		e.Path = filepath.Dir(e.Path)
		info, serr = os.Stat(e.Path)
	}
	if serr == nil {
		e.Mode, e.UID, e.GID = info.Mode(), ownerOf(info), groupOf(info)
	}
	e.Remedy = e.remedy(dir)
	return e
}

// ExplainAccess makes an *AccessError of an error about the domain in dir that says that the kernel refuses something, and leaves
// others as they are. What says what was refused.
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
		return "the group may only read here (ReadOnly, which shmmon echo and shmrec record choose by themselves); to take part, run as its owner or have that one chmod 2770 it"
	case member && perm&0o070 == 0o070:
		return "the directory is sticky: run as the owner of the file or of the directory"
	case perm&0o050 == 0o050:
		return "have this user put into that group and start the program anew, run as its owner, or choose another domain (SHMBUS_DIR, SHMBUS_DOMAIN)"
	}
	return "it is its owner's alone: run as that user, have it shared (chgrp GROUP and chmod 2770; 2750 lets the group read), or choose another domain (SHMBUS_DIR, SHMBUS_DOMAIN)"
}

// A PIDCheck says what the kernel knows of the pid that a participant says it has. The file of a participant is whose the kernel
// says it is; what is in the file is its owner's word.
type PIDCheck uint8

const (
	// PIDUnverified: nothing. The process is in another pid namespace, has ended, or is not its user's.
	PIDUnverified PIDCheck = iota
	// PIDOfUser: a process with this pid started when the participant says, and acts as the user who owns the file.
	PIDOfUser
	// PIDOfFile: that process has the participant's file mapped, so it is the participant, or a child that it gave the file.
	// The kernel tells this only root and the user itself, and only an Observer asks.
	PIDOfFile
)

var checkNames = [...]string{PIDUnverified: "own word", PIDOfUser: "same user", PIDOfFile: "same file"}

func (p PIDCheck) String() string {
	if int(p) < len(checkNames) {
		return checkNames[p]
	}
	return fmt.Sprintf("Proof(%d)", uint8(p))
}

// MarshalText makes JSON carry the Proof as its String.
func (p PIDCheck) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// ownedBy refuses a file beside a participant's own that does not belong to the same user: somebody else with rights on the
// directory put it there.
func ownedBy(f *shm.File, uid int) error {
	owner, err := f.Owner()
	if err != nil {
		return err
	}
	return CheckOwner(f.Path(), owner.UID, uid)
}

// CheckOwner returns a *CorruptError when a file does not belong to the user whose participant's it should be.
func CheckOwner(path string, owner, want int) error {
	if owner == want {
		return nil
	}
	return &CorruptError{Path: path, What: fmt.Sprintf("it belongs to %s and its participant to %s, so somebody else put it there; mode 3770 of the directory prevents that",
		userName(owner), userName(want))}
}
