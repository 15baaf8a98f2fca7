//go:build linux

package harness

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A User need not be in a user database.
type User struct {
	Name   string
	UID    uint32
	GID    uint32
	Groups []uint32
}

const (
	SharedGroup = 6000 // the group of a shared domain
	SecretGroup = 6100 // a group that some of its members are in
)

func Owner() User    { return User{"owner", 5001, 6001, []uint32{SharedGroup, SecretGroup}} }
func Member() User   { return User{"member", 5002, 6002, []uint32{SharedGroup}} }
func Outsider() User { return User{"other", 5003, 6003, nil} }
func Insider() User  { return User{"insider", 5004, 6004, []uint32{SharedGroup, SecretGroup}} }

// Sticky is the mode of a domain of several users that do not trust each other.
const Sticky = 0o770 | fs.ModeSetgid | fs.ModeSticky

// A UserDomain is a domain of several users, with programs that all of them may run.
type UserDomain struct {
	T     testing.TB
	Dir   string // of the domain's directory
	Files string // where every user may write

	program string
}

// NewUserDomain needs root. The directory of the domain has the given mode, belongs to the owner and has the shared group.
func NewUserDomain(t testing.TB, mode fs.FileMode) *UserDomain {
	t.Helper()
	if os.Geteuid() != 0 {
		NeedRoot(t, errors.New("several users"))
	}
	w := &UserDomain{T: t, Dir: NewDomain(t)}
	files, err := os.MkdirTemp("", "shmbus-users-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(files) })
	w.Files, w.program = files, filepath.Join(files, "program")
	d := w.Path()
	err = errors.Join(os.Chmod(files, 0o777), os.Chmod(w.Dir, 0o755), copyFile(w.program, os.Args[0]),
		os.Mkdir(d, 0o700), os.Chown(d, int(Owner().UID), SharedGroup), os.Chmod(d, mode))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(0o755), out.Close())
}

// Path is the directory of the domain.
func (w *UserDomain) Path() string { return filepath.Join(w.Dir, "d") }

// As are the options of a process that runs as a user.
func (w *UserDomain) As(user User) Options {
	return Options{Program: []string{w.program}, Dir: w.Files, Attr: credential(user)}
}

func credential(user User) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user.UID, Gid: user.GID, Groups: user.Groups}}
}

// Start runs the role of the request as a user.
func (w *UserDomain) Start(user User, request any) *Child {
	w.T.Helper()
	return StartWith(w.T, w.Dir, request, w.As(user))
}

// Publish starts a process of a user that publishes, and waits until it begins.
func (w *UserDomain) Publish(user User, request Publish) Publisher {
	w.T.Helper()
	return Publisher{w.Start(user, request)}.Ready()
}

// Subscribe starts a process of a user that subscribes, and waits until it has.
func (w *UserDomain) Subscribe(user User, request Subscribe) Subscriber {
	w.T.Helper()
	return Subscriber{w.Start(user, request)}.Ready()
}

// Build builds commands of this repository that every user may run.
func (w *UserDomain) Build(names ...string) {
	w.T.Helper()
	for _, n := range names {
		build(w.T, nil, "build", "-o", w.Files+"/", module+"/cmd/"+n)
	}
}

// Run runs a command that was built as a user, and returns its output and exit code.
func (w *UserDomain) Run(user User, line string) (stdout, stderr string, code int) {
	w.T.Helper()
	words := strings.Fields(line)
	cmd := Command(filepath.Join(w.Files, words[0]), w.Dir, words[1:]...)
	cmd.Dir = w.Files
	cmd.SysProcAttr = credential(user)
	var out, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.T.Fatal(err)
	}
	return out.String(), complaint.String(), cmd.ProcessState.ExitCode()
}

// LeaveDead creates the file of a dead participant of the owner in the domain.
func (w *UserDomain) LeaveDead() (path string) {
	w.T.Helper()
	path = filepath.Join(w.Path(), "00000000000000aa.participant")
	if err := errors.Join(os.WriteFile(path, []byte("dead"), 0o640), os.Chown(path, int(Owner().UID), SharedGroup)); err != nil {
		w.T.Fatal(err)
	}
	return path
}

// Policy writes the policy of the domain, or without a text removes it.
func (w *UserDomain) Policy(text string) {
	w.T.Helper()
	path := filepath.Join(w.Path(), "policy")
	err := os.Remove(path)
	if text != "" {
		err = errors.Join(os.WriteFile(path, []byte(text), 0o644), os.Chmod(path, 0o644))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.T.Fatal(err)
	}
}
