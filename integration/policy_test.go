//go:build linux

package integration

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

const sticky = 0o770 | fs.ModeSetgid | fs.ModeSticky

func insider() user { return user{"insider", 5004, 6004, []uint32{shared, secret}} }

func wantRefusal(t *testing.T, r accessResult, kernel bool, parts ...string) {
	t.Helper()
	t.Log(r.Error)
	if !r.Forbidden || r.Kernel != kernel {
		t.Errorf("forbidden: %t, by the kernel: %t, want true and %t", r.Forbidden, r.Kernel, kernel)
	}
	for _, part := range parts {
		if !strings.Contains(r.Error, part) {
			t.Errorf("the error does not say %q: %s", part, r.Error)
		}
	}
}

func TestAPolicyIsEnforcedOnWhoSubscribes(t *testing.T) {
	w := newUserDomain(t, sticky)
	w.policy("subscribe load group:6100\nsubscribe mine nobody\n")
	defer w.policy("")
	pub := w.run(owner(), "publish", "-pause", "1ms", "-size", "1000").ready()
	mine := w.run(owner(), "publish", "-topic", "mine", "-pause", "1ms").ready()
	for _, right := range []string{"subscribe", "watch"} {
		for _, who := range []user{owner(), insider()} {
			if r := w.try(who, right); r.Error != "" {
				t.Errorf("the %s may %s: %s", who.name, right, r.Error)
			}
		}
		// The kernel refuses those whom the line does not name: they cannot open the file.
		wantRefusal(t, w.try(member(), right), true, "user 5002", `"load"`, "line 1", "subscribe load group:6100", "mode 0640", "user 5001, group 6100", "put into that group")
		wantRefusal(t, w.try(insider(), right, "-topic", "mine"), true, "line 2", "subscribe mine nobody", "mode 0600")
		if r := w.try(owner(), right, "-topic", "mine"); r.Error != "" {
			t.Errorf("the owner may %s: %s", right, r.Error)
		}
	}
	// A publisher that cannot give its file to the group of the subscribers says so, rather than publish for nobody or for all.
	wantRefusal(t, w.try(member(), "publish"), false, "line 1", "only a member can give files to group 6100")
	pub.finish()
	mine.finish()
}

func TestAPolicyIsEnforcedOnWhoPublishes(t *testing.T) {
	w := newUserDomain(t, sticky)
	// It began before there was a policy, so it does not know that it should not.
	rogue := w.run(member(), "publish", "-pause", "1ms", "-size", "1000").ready()
	w.policy("publish load user:5001 group:6100\n")
	defer w.policy("")
	for _, right := range []string{"subscribe", "watch"} {
		wantRefusal(t, w.try(owner(), right), false, "user 5002 may not publish", `"load"`, "line 1", "group 6000, group 6002")
	}
	wantRefusal(t, w.try(member(), "publish"), false, "user 5002, group 6000, group 6002 may not publish", "line 1")

	// It goes unheard beside others, whom the line names, or a group of theirs.
	p, err := topic.Join(&topic.Options{Dir: w.dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	refusals := make(chan topic.Event, 10)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for e := range p.Events(ctx) {
			if e.Kind == topic.Unavailable {
				refusals <- e
			}
		}
	}()
	for _, who := range []user{owner(), insider()} {
		pub := w.run(who, "publish", "-pause", "1ms", "-size", "1000").ready()
		sub, err := topic.NewSubscriber[[]byte](ctx, p, "load", nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := sub.Publishers(); n != 1 {
			t.Errorf("%d publishers beside the one that may not, want that of the %s", n, who.name)
		}
		sub.Close()
		pub.finish()
	}
	e := <-refusals
	if !errors.As(e.Err, new(*registry.ForbiddenError)) || e.Participant.UID != 5002 || e.Endpoint.Topic != "load" {
		t.Errorf("%+v", e)
	}
	rogue.finish()
}

func TestABadPolicyKeepsEverybodyOut(t *testing.T) {
	w := newUserDomain(t, sticky)
	w.policy("publish load user:5001\nsubscribe load user:5002\n")
	defer w.policy("")
	for _, right := range []string{"publish", "subscribe", "watch", "record"} {
		r := w.try(owner(), right)
		if !strings.Contains(r.Error, "line 2") || !strings.Contains(r.Error, "make a group") {
			t.Errorf("%s: %+v", right, r)
		}
	}
}

// Who may write in the directory of a domain may replace files there. That makes nobody somebody else.
func TestAFileThatSomebodyElsePutThereIsNotRead(t *testing.T) {
	w := newUserDomain(t, 0o770|fs.ModeSetgid)
	pub := w.run(owner(), "publish", "-pause", "1ms", "-size", "1000").ready()
	if r := w.try(member(), "usurp"); r.Error != "" {
		t.Fatal(r.Error)
	}
	p, err := topic.Join(&topic.Options{Dir: w.dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	refusal := make(chan topic.Event, 10)
	listening := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for e := range p.Events(ctx) {
			switch {
			case e.Kind == topic.Unavailable:
				refusal <- e
			case e.Kind == topic.Added && e.Endpoint.Kind == registry.KindPublisher:
				close(listening)
			}
		}
	}()
	<-listening
	sub, err := topic.NewSubscriber[[]byte](ctx, p, "load", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if n := sub.Publishers(); n != 0 {
		t.Errorf("%d publishers", n)
	}
	e := <-refusal
	for _, part := range []string{".pub.", "belongs to user 5002", "participant to user 5001", "3770"} {
		if !strings.Contains(e.Err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, e.Err)
		}
	}
	pub.kill() // it cannot remove what is not its own
}

func TestInAStickyDomainNobodyReplacesFilesOfOthers(t *testing.T) {
	w := newUserDomain(t, sticky)
	pub := w.run(owner(), "publish", "-pause", "1ms", "-size", "1000").ready()
	if r := w.try(member(), "usurp"); !r.Kernel || !strings.Contains(r.Error, "operation not permitted") {
		t.Errorf("%+v", r)
	}
	if r := w.try(member(), "subscribe"); r.Error != "" {
		t.Error(r.Error)
	}
	pub.finish()
}

func TestTheKernelSaysWhoPublishesAndSubscribes(t *testing.T) {
	w := newUserDomain(t, 0o770|fs.ModeSetgid)
	pub := w.run(owner(), "publish", "-pause", "1ms", "-size", "1000").ready()
	sub := w.run(member(), "subscribe").ready()
	p, err := topic.Join(&topic.Options{Dir: w.dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := map[registry.Kind]registry.Participant{}
	for e := range p.Events(ctx) {
		if e.Kind == topic.Added {
			seen[e.Endpoint.Kind] = e.Participant
		}
		if len(seen) == 2 {
			break
		}
	}
	for kind, want := range map[registry.Kind]struct {
		c   *child
		who user
	}{registry.KindPublisher: {pub, owner()}, registry.KindSubscription: {sub, member()}} {
		got := seen[kind]
		if got.UID != int(want.who.uid) || got.GID != shared || got.PID != want.c.cmd.Process.Pid || got.PIDCheck != registry.PIDOfUser {
			t.Errorf("%v: user %d, group %d, pid %d (%v), want the %s, pid %d", kind, got.UID, got.GID, got.PID, got.PIDCheck, want.who.name, want.c.cmd.Process.Pid)
		}
	}
	o, err := registry.Observe(w.domain())
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	all, err := o.Snapshot()
	if err != nil || len(all) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, who := range all {
		if who.PIDCheck != registry.PIDOfFile {
			t.Errorf("root is told of %s of user %d: %v", who.Unit, who.UID, who.PIDCheck)
		}
	}
	pub.finish()
	sub.finish()
}
