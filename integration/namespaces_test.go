//go:build linux

package integration

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/registry"
)

// startInNamespace starts a child in the attempt role in pid and mount namespaces of its own, where it is process 1.
func startInNamespace(t testing.TB, dir string) *child {
	t.Helper()
	if os.Geteuid() != 0 {
		needRoot(t, errors.New("namespaces of its own"))
	}
	cmd := exec.Command(os.Args[0])
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	c := launch(t, cmd, dir, "attempt")
	c.mustSucceed("join")
	return c
}

func TestParticipantsOfDifferentPidNamespacesMeetAndHearOfDeaths(t *testing.T) {
	dir := newDomain(t)
	host, a, b := startAttemptAgent(t, dir), startInNamespace(t, dir), startInNamespace(t, dir)
	for _, c := range []*child{a, b} {
		if pid := c.mustSucceed("pid").PID; pid != 1 {
			t.Fatalf("in a namespace of its own it is process %d", pid)
		}
	}
	all := []*child{host, a, b}
	for i, c := range all {
		c.mustSucceed("sub s t")
		c.mustSucceed("pub p t")
		c.mustSucceed("heard joined 3")
		c.mustSucceed("peers p %d", i+1)
	}
	for _, c := range all {
		c.mustSucceed("peers s 3")
		c.mustSucceed("peers p 3")
	}
	for _, c := range all {
		c.mustSucceed("send p 5 500")
	}
	for _, c := range all {
		if got := c.mustSucceed("take s 15"); got.Lost != 0 {
			t.Errorf("it lost %d", got.Lost)
		}
	}
	// Nobody is taken for dead by those who cannot see its process: not by cleaning, not by newcomers.
	was := entries(t, dir)
	if removed, err := registry.Clean(filepath.Join(dir, "d"), false); len(removed) != 0 || err != nil {
		t.Errorf("cleaned %q, %v", removed, err)
	}
	passing := startInNamespace(t, dir)
	passing.mustSucceed("leave")
	passing.finish()
	if n := entries(t, dir); n != was {
		t.Errorf("%d files, before it were %d", n, was)
	}
	a.mustSucceed("send p 1 500")
	begin := monotonic()
	a.kill()
	for _, c := range []*child{host, b} {
		heard := c.mustSucceed("heard died 1")
		t.Logf("a death in another pid namespace was heard after %v", time.Duration(heard.At-begin))
		c.mustSucceed("take s 1")
		c.mustSucceed("send p 1 500")
	}
	// Everybody waits a moment of its own before it removes the files of the dead, in case somebody else does.
	for begin := time.Now(); entries(t, dir) != was-4; time.Sleep(time.Millisecond) {
		if time.Since(begin) > waitLimit {
			t.Fatalf("%d files, before the death it were %d", entries(t, dir), was)
		}
	}
	host.kill()
	b.mustSucceed("heard died 2")
	b.mustSucceed("send p 1 500")
	b.finish()
}

// reuseRole is process 1 of a pid namespace. It joins, starts a participant, kills it, makes the kernel give its pid to another
// process, and reports what it has heard.
func reuseRole([]string) error {
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	o := newAgent()
	if err := o.execute([]string{"join"}, nil); err != nil {
		return err
	}
	var a agentReply
	pid, heir := 0, (*nested)(nil)
	for round := 1; round <= 50; round++ { // a thread may get the number first; then another victim is needed
		victim, err := startNested("agent")
		if err != nil {
			return err
		}
		fmt.Fprintln(victim.in, "join")
		fmt.Fprintln(victim.in, "pub p t")
		if err := o.execute([]string{"heard", "added:t", fmt.Sprint(round)}, &a); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond) // more than a tick, in which start times are counted
		pid = victim.cmd.Process.Pid
		victim.cmd.Process.Kill()
		victim.cmd.Wait()
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", fmt.Append(nil, pid-1), 0); err != nil {
			return err
		}
		if heir, err = startNested("idle"); err != nil {
			return err
		}
		if err := o.execute([]string{"heard", "died", fmt.Sprint(round)}, &a); err != nil {
			return err
		}
		if heir.cmd.Process.Pid == pid {
			break
		}
		heir.in.Close()
		heir.cmd.Wait()
	}
	var err error
	var left []string
	for begin := time.Now(); len(left) != 1 && time.Since(begin) < waitLimit; time.Sleep(time.Millisecond) {
		if left, err = filepath.Glob(filepath.Join(os.Getenv("SHMBUS_DIR"), "d", "*.participant")); err != nil {
			return err
		}
	}
	lives := syscall.Kill(heir.cmd.Process.Pid, 0) == nil
	heir.in.Close()
	heir.cmd.Wait()
	return errors.Join(report(map[string]any{"Victim": pid, "Heir": heir.cmd.Process.Pid, "Lives": lives, "Left": len(left)}), o.p.Close())
}

// nested is a process that a role started.
type nested struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startNested(role string) (*nested, error) {
	n := &nested{cmd: exec.Command(os.Args[0])}
	n.cmd.Env = append(os.Environ(), roleVariable+"="+role)
	n.cmd.Stderr = os.Stderr
	var err error
	if n.in, err = n.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	n.out = bufio.NewScanner(out)
	return n, n.cmd.Start()
}

// idleRole does nothing until it is asked to end.
func idleRole([]string) error {
	<-stdinClosed()
	return nil
}

func TestAPidThatIsGivenAgainKeepsNobodyAlive(t *testing.T) {
	if os.Geteuid() != 0 {
		needRoot(t, errors.New("a pid namespace"))
	}
	dir := newDomain(t)
	cmd := exec.Command(os.Args[0])
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS}
	c := launch(t, cmd, dir, "reuse")
	var got struct {
		Victim, Heir, Left int
		Lives              bool
	}
	c.expect(&got)
	if got.Victim != got.Heir || !got.Lives || got.Left != 1 {
		t.Errorf("%+v; there should be one participant, and a living process with the pid of the dead", got)
	}
	c.finish()
}

// A file whose lock is free is of a dead participant, whoever has its pid now; one whose lock is held is of a living one.
func TestForgedPidsAndBootsDecideNothing(t *testing.T) {
	dir := newDomain(t)
	one, bystander := startAttemptAgent(t, dir), start(t, t.TempDir(), "idle")
	anotherBoot := func(h []byte) { h[32]++ }
	anotherTime := func(h []byte) { binary.NativeEndian.PutUint64(h[24:], 1) }
	dead := []*forged{
		forge(t, dir, bystander.cmd.Process.Pid, nil),
		forge(t, dir, bystander.cmd.Process.Pid, anotherTime),
		forge(t, dir, os.Getpid(), anotherBoot),
		forge(t, dir, 1, nil),
	}
	alive := []*forged{
		forge(t, dir, 1<<22, nil), // a pid that there cannot be
		forge(t, dir, bystander.cmd.Process.Pid, anotherBoot),
	}
	newcomer := startAttemptAgent(t, dir)
	for _, c := range []*child{one, newcomer} {
		c.mustSucceed("heard joined %d", 2+len(dead)+len(alive))
	}
	for _, f := range dead {
		// What a publisher, a schema and subscriptions would leave, too.
		for _, suffix := range []string{"pub.1", "schema.1", "reader"} {
			if err := os.WriteFile(strings.TrimSuffix(f.path, "participant")+suffix, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f.end()
	}
	for _, c := range []*child{one, newcomer} {
		c.mustSucceed("heard died %d", len(dead))
	}
	last := startAttemptAgent(t, dir)
	last.mustSucceed("heard joined %d", 3+len(alive))
	if n := entries(t, dir); n != 1+3+len(alive) {
		t.Errorf("%d files, want the registry, three participants and %d that look as strange as the dead", n, len(alive))
	}
	for _, f := range alive {
		if _, err := os.Stat(f.path); err != nil {
			t.Errorf("one that lives was cleaned: %v", err)
		}
		f.end()
	}
	last.mustSucceed("heard died %d", len(alive))
	for _, c := range []*child{one, newcomer, last, bystander} {
		c.finish()
	}
}

// What a boot leaves on a disk, or a power failure, is cleaned by the first who comes.
func TestLeftoversOfAnotherBootAreCleaned(t *testing.T) {
	dir := newDomain(t)
	one := startAttemptAgent(t, dir)
	for range 5 {
		f := forge(t, dir, 1, func(h []byte) { h[32]++ })
		for _, suffix := range []string{"pub.1", "pub.2", "schema.2", "reader"} {
			if err := os.WriteFile(strings.TrimSuffix(f.path, "participant")+suffix, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f.end()
	}
	one.kill() // nobody is there to notice
	first := startAttemptAgent(t, dir)
	if n := entries(t, dir); n != 2 {
		t.Errorf("%d files, want the registry and the participant", n)
	}
	first.mustSucceed("sub s t")
	first.mustSucceed("pub p t")
	first.mustSucceed("send p 3 500")
	first.mustSucceed("take s 3")
	first.finish()
}
