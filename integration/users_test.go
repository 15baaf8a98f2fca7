//go:build linux

package integration

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A user need not be in a user database.
type user struct {
	name     string
	uid, gid uint32
	groups   []uint32
}

const (
	shared = 6000 // the group of a shared domain
	secret = 6100 // a group that some of its members are in
)

func owner() user    { return user{"owner", 5001, 6001, []uint32{shared, secret}} }
func member() user   { return user{"member", 5002, 6002, []uint32{shared}} }
func outsider() user { return user{"other", 5003, 6003, nil} }

// A userDomain is a place for a domain of several users, with programs that all of them may run.
type userDomain struct {
	t       testing.TB
	dir     string // of the domain's directory
	program string
	files   string // where everybody may write
}

// newUserDomain needs root. The directory of the domain has the given mode, belongs to the owner and has the shared group.
func newUserDomain(t testing.TB, mode fs.FileMode) *userDomain {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CI") == "true":
		t.Fatal("this takes root, to be several users")
	default:
		t.Skip("this takes root, to be several users: sudo go test")
	}
	w := &userDomain{t: t, dir: newDomain(t)}
	files, err := os.MkdirTemp("", "shmbus-users-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(files) })
	w.files, w.program = files, filepath.Join(files, "program")
	d := w.domain()
	err = errors.Join(os.Chmod(files, 0o777), os.Chmod(w.dir, 0o755), copyFile(w.program, os.Args[0]),
		os.Mkdir(d, 0o700), os.Chown(d, int(owner().uid), shared), os.Chmod(d, mode))
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

func (w *userDomain) domain() string { return filepath.Join(w.dir, "d") }

// run starts a role as a user.
func (w *userDomain) run(who user, role string, args ...string) *child {
	w.t.Helper()
	return launch(w.t, w.command(who, w.program, args...), w.dir, role)
}

func (w *userDomain) command(who user, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = w.files
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: who.uid, Gid: who.gid, Groups: who.groups}}
	return cmd
}

// try runs one action of accessRole as a user and returns the result.
func (w *userDomain) try(who user, what string, args ...string) (r accessResult) {
	w.t.Helper()
	c := w.run(who, "access", append([]string{"-do", what, "-files", w.files}, args...)...)
	c.expect(&r)
	c.finish()
	return r
}

// leaveDead creates the file of a dead participant of the owner in the domain.
func (w *userDomain) leaveDead() (path string) {
	w.t.Helper()
	path = filepath.Join(w.domain(), "00000000000000aa.participant")
	if err := errors.Join(os.WriteFile(path, []byte("dead"), 0o640), os.Chown(path, int(owner().uid), shared)); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// policy writes the policy of the domain, or without a text removes it.
func (w *userDomain) policy(text string) {
	w.t.Helper()
	path := filepath.Join(w.domain(), "policy")
	err := os.Remove(path)
	if text != "" {
		err = errors.Join(os.WriteFile(path, []byte(text), 0o644), os.Chmod(path, 0o644))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
}
