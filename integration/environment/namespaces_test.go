//go:build linux

package environment

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// startInNamespace starts an agent in pid and mount namespaces of its own, where it is process 1.
func startInNamespace(t testing.TB, dir string) agent.Agent {
	t.Helper()
	if os.Geteuid() != 0 {
		harness.NeedRoot(t, errors.New("namespaces of its own"))
	}
	return agent.StartWith(t, dir, harness.Options{Attr: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}})
}

func TestNamespaces_ParticipantsMeetAndHearOfDeaths(t *testing.T) {
	dir := harness.NewDomain(t)
	host, a, b := agent.Start(t, dir), startInNamespace(t, dir), startInNamespace(t, dir)
	for _, c := range []agent.Agent{a, b} {
		if pid := harness.Do(c.Child, agent.PID{}); pid != 1 {
			t.Fatalf("in a namespace of its own it is process %d", pid)
		}
	}
	all := []agent.Agent{host, a, b}
	for i, c := range all {
		c.Subscribe("s", "t")
		c.Advertise("p", "t")
		c.Hear(topic.Joined, 3)
		c.WaitPeers("p", i+1)
	}
	for _, c := range all {
		c.WaitPeers("s", 3)
		c.WaitPeers("p", 3)
	}
	for _, c := range all {
		c.Send("p", 5, 500)
	}
	for _, c := range all {
		if got := c.Take("s", 15); got.Lost != 0 {
			t.Errorf("it lost %d", got.Lost)
		}
	}
	// A participant whose process cannot be seen is not taken for dead: not by cleaning, not by a newcomer.
	was := harness.CountFiles(t, dir)
	if removed, err := registry.Clean(filepath.Join(dir, "d"), false); len(removed) != 0 || err != nil {
		t.Errorf("cleaned %q, %v", removed, err)
	}
	passing := startInNamespace(t, dir)
	passing.Leave()
	passing.Finish()
	if n := harness.CountFiles(t, dir); n != was {
		t.Errorf("%d files, before it were %d", n, was)
	}
	a.Send("p", 1, 500)
	begin := clock.New().Now()
	a.Kill()
	for _, c := range []agent.Agent{host, b} {
		heard := c.Hear(topic.Died, 1)
		t.Logf("a death in another pid namespace was heard after %v", time.Duration(heard.At-begin))
		c.Take("s", 1)
		c.Send("p", 1, 500)
	}
	// Each participant waits for a while of its own before it removes the files of the dead, in case another one does.
	for begin := time.Now(); harness.CountFiles(t, dir) != was-4; time.Sleep(time.Millisecond) {
		if time.Since(begin) > harness.WaitLimit {
			t.Fatalf("%d files, before the death it were %d", harness.CountFiles(t, dir), was)
		}
	}
	host.Kill()
	b.Hear(topic.Died, 2)
	b.Send("p", 1, 500)
	b.Finish()
}

// reusePID is the request of a process 1 of a pid namespace. It joins, starts a participant, kills it, makes the kernel give its pid to
// another process, and replies with what it has heard.
type reusePID struct{}

// A reuse is a pid that the kernel gave again.
type reuse struct {
	Victim, Heir int  // pids
	Lives        bool // the heir does in the end
	Left         int  // participants
}

func reuseVictimsPID(ctx context.Context, parent *subproc.Parent, _ reusePID) error {
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	group := subproc.New(ctx, nil)
	defer group.StopAll()
	ctx, cancel := context.WithTimeout(ctx, 2*harness.WaitLimit)
	defer cancel()
	s := agent.NewState()
	if _, err := (agent.Join{}).Run(ctx, s); err != nil {
		return err
	}
	var r reuse
	var heir *subproc.Child
	for round := 1; round <= 50; round++ { // a thread may get the number first; then another victim is needed
		victim, err := harness.StartNested(group, agent.Request{})
		if err != nil {
			return err
		}
		if _, err := harness.Invoke(victim, agent.Join{}); err != nil {
			return err
		}
		if _, err := harness.Invoke(victim, agent.Advertise{Name: "p", Topic: "t"}); err != nil {
			return err
		}
		if _, err := (agent.WaitEvents{Kind: topic.Added, Topic: "t", N: round}).Run(ctx, s); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond) // more than a tick, in which start times are counted
		r.Victim = victim.PID()
		if err := victim.Kill(); err != nil {
			return err
		}
		victim.Wait()
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", fmt.Append(nil, r.Victim-1), 0); err != nil {
			return err
		}
		if heir, err = harness.StartNested(group, agent.Request{}); err != nil {
			return err
		}
		if _, err := (agent.WaitEvents{Kind: topic.Died, N: round}).Run(ctx, s); err != nil {
			return err
		}
		if r.Heir = heir.PID(); r.Heir == r.Victim {
			break
		}
		if err := heir.Finish(); err != nil {
			return err
		}
	}
	for begin := time.Now(); r.Left != 1 && time.Since(begin) < harness.WaitLimit; time.Sleep(time.Millisecond) {
		left, err := filepath.Glob(filepath.Join(os.Getenv("SHMBUS_DIR"), "d", "*.participant"))
		if err != nil {
			return err
		}
		r.Left = len(left)
	}
	r.Lives = syscall.Kill(r.Heir, 0) == nil
	return errors.Join(heir.Finish(), parent.Reply(r), s.Participant.Close())
}

func TestPID_GivenAgain(t *testing.T) {
	if os.Geteuid() != 0 {
		harness.NeedRoot(t, errors.New("a pid namespace"))
	}
	dir := harness.NewDomain(t)
	c := harness.StartWith(t, dir, reusePID{}, harness.Options{
		Attr: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS},
	})
	var got reuse
	c.Expect(&got)
	if got.Victim != got.Heir || !got.Lives || got.Left != 1 {
		t.Errorf("%+v; there should be one participant, and a living process with the pid of the dead", got)
	}
	c.Finish()
}

// A file whose lock is free is of a dead participant, whatever process has its pid now; one whose lock is held is of a living one.
func TestPID_Forged(t *testing.T) {
	dir := harness.NewDomain(t)
	one, bystander := agent.Start(t, dir), agent.New(t, t.TempDir())
	anotherBoot := func(h []byte) { h[32]++ }
	anotherTime := func(h []byte) { binary.NativeEndian.PutUint64(h[24:], 1) }
	dead := []*harness.Forged{
		harness.Forge(t, dir, bystander.PID(), nil),
		harness.Forge(t, dir, bystander.PID(), anotherTime),
		harness.Forge(t, dir, os.Getpid(), anotherBoot),
		harness.Forge(t, dir, 1, nil),
	}
	alive := []*harness.Forged{
		harness.Forge(t, dir, 1<<22, nil), // a pid that there cannot be
		harness.Forge(t, dir, bystander.PID(), anotherBoot),
	}
	newcomer := agent.Start(t, dir)
	for _, c := range []agent.Agent{one, newcomer} {
		c.Hear(topic.Joined, 2+len(dead)+len(alive))
	}
	for _, f := range dead {
		// What a publisher, a schema and subscriptions would leave, too.
		for _, suffix := range []string{"pub.1", "schema.1", "reader"} {
			if err := os.WriteFile(strings.TrimSuffix(f.Path, "participant")+suffix, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f.End()
	}
	for _, c := range []agent.Agent{one, newcomer} {
		c.Hear(topic.Died, len(dead))
	}
	last := agent.Start(t, dir)
	last.Hear(topic.Joined, 3+len(alive))
	if n := harness.CountFiles(t, dir); n != 1+3+len(alive) {
		t.Errorf("%d files, want the registry, three participants and %d that look as strange as the dead", n, len(alive))
	}
	for _, f := range alive {
		if _, err := os.Stat(f.Path); err != nil {
			t.Errorf("one that lives was cleaned: %v", err)
		}
		f.End()
	}
	last.Hear(topic.Died, len(alive))
	agent.Finish(one, newcomer, last, bystander)
}

// What a boot leaves on a disk, or a power failure, is cleaned by the first to join.
func TestBoot_LeftoversOfAnother(t *testing.T) {
	dir := harness.NewDomain(t)
	one := agent.Start(t, dir)
	for range 5 {
		f := harness.Forge(t, dir, 1, func(h []byte) { h[32]++ })
		for _, suffix := range []string{"pub.1", "pub.2", "schema.2", "reader"} {
			if err := os.WriteFile(strings.TrimSuffix(f.Path, "participant")+suffix, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f.End()
	}
	one.Kill() // no participant is there to notice
	first := agent.Start(t, dir)
	if n := harness.CountFiles(t, dir); n != 2 {
		t.Errorf("%d files, want the registry and the participant", n)
	}
	first.Subscribe("s", "t")
	first.Advertise("p", "t")
	first.Send("p", 3, 500)
	first.Take("s", 3)
	first.Finish()
}
