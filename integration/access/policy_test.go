//go:build linux

package access

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

func wantRefusal(t *testing.T, r agent.Attempt, kernel bool, parts ...string) {
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

func TestPolicy_EnforcedOnSubscribers(t *testing.T) {
	w := harness.NewUserDomain(t, harness.Sticky)
	w.Policy("subscribe load group:6100\nsubscribe mine nobody\n")
	defer w.Policy("")
	pub := w.Publish(harness.Owner(), harness.Publish{Pause: time.Millisecond, Size: 1000})
	mine := w.Publish(harness.Owner(), harness.Publish{Topic: "mine", Pause: time.Millisecond})
	for _, readOnly := range []bool{false, true} {
		for _, user := range []harness.User{harness.Owner(), harness.Insider()} {
			if r := agent.As(w, user, agent.SubscribeTen{Topic: "load", ReadOnly: readOnly}); r.Error != "" {
				t.Errorf("the %s may subscribe, read-only %t: %s", user.Name, readOnly, r.Error)
			}
		}
		// The kernel refuses users that the line does not name: they cannot open the file.
		wantRefusal(t, agent.As(w, harness.Member(), agent.SubscribeTen{Topic: "load", ReadOnly: readOnly}), true, "user 5002", `"load"`, "line 1", "subscribe load group:6100", "mode 0640", "user 5001, group 6100", "put into that group")
		wantRefusal(t, agent.As(w, harness.Insider(), agent.SubscribeTen{Topic: "mine", ReadOnly: readOnly}), true, "line 2", "subscribe mine nobody", "mode 0600")
		if r := agent.As(w, harness.Owner(), agent.SubscribeTen{Topic: "mine", ReadOnly: readOnly}); r.Error != "" {
			t.Errorf("the owner may subscribe, read-only %t: %s", readOnly, r.Error)
		}
	}
	// A publisher that cannot give its file to the group of the subscribers says so, and does not publish.
	wantRefusal(t, agent.As(w, harness.Member(), agent.PublishTen{Topic: "load"}), false, "line 1", "only a member can give files to group 6100")
	pub.Finish()
	mine.Finish()
}

func TestPolicy_EnforcedOnPublishers(t *testing.T) {
	w := harness.NewUserDomain(t, harness.Sticky)
	// It began before there was a policy, so it does not know that it should not.
	rogue := w.Publish(harness.Member(), harness.Publish{Pause: time.Millisecond, Size: 1000})
	w.Policy("publish load user:5001 group:6100\n")
	defer w.Policy("")
	for _, readOnly := range []bool{false, true} {
		wantRefusal(t, agent.As(w, harness.Owner(), agent.SubscribeTen{Topic: "load", ReadOnly: readOnly}), false, "user 5002 may not publish", `"load"`, "line 1", "group 6000, group 6002")
	}
	wantRefusal(t, agent.As(w, harness.Member(), agent.PublishTen{Topic: "load"}), false, "user 5002, group 6000, group 6002 may not publish", "line 1")

	// Its samples are not received, beside those of publishers that the line names by user or group.
	p, err := topic.Join(&topic.Options{Dir: w.Dir, Domain: "d"})
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
	for _, user := range []harness.User{harness.Owner(), harness.Insider()} {
		pub := w.Publish(user, harness.Publish{Pause: time.Millisecond, Size: 1000})
		sub, err := topic.NewSubscriber[[]byte](ctx, p, "load", nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := sub.Publishers(); n != 1 {
			t.Errorf("%d publishers beside the one that may not, want that of the %s", n, user.Name)
		}
		sub.Close()
		pub.Finish()
	}
	e := <-refusals
	if !errors.As(e.Err, new(*registry.ForbiddenError)) || e.Participant.UID != 5002 || e.Endpoint.Topic != "load" {
		t.Errorf("%+v", e)
	}
	rogue.Finish()
}

func TestPolicy_WithErrors(t *testing.T) {
	w := harness.NewUserDomain(t, harness.Sticky)
	w.Policy("publish load user:5001\nsubscribe load user:5002\n")
	defer w.Policy("")
	for _, call := range []harness.Call[*agent.State, []string]{
		agent.PublishTen{Topic: "load"}, agent.SubscribeTen{Topic: "load"}, agent.SubscribeTen{Topic: "load", ReadOnly: true},
		agent.RecordTen{Topic: "load", Folder: w.Files},
	} {
		r := agent.As(w, harness.Owner(), call)
		if !strings.Contains(r.Error, "line 2") || !strings.Contains(r.Error, "make a group") {
			t.Errorf("%T: %+v", call, r)
		}
	}
}

// A user who may write in the directory of a domain may replace files there, and does not become another user by that.
func TestFile_PutThereByAnotherUser(t *testing.T) {
	w := harness.NewUserDomain(t, 0o770|fs.ModeSetgid)
	pub := w.Publish(harness.Owner(), harness.Publish{Pause: time.Millisecond, Size: 1000})
	if r := agent.As(w, harness.Member(), replaceFiles{}); r.Error != "" {
		t.Fatal(r.Error)
	}
	p, err := topic.Join(&topic.Options{Dir: w.Dir, Domain: "d"})
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
	pub.Kill() // it cannot remove what is not its own
}

func TestStickyDomain_FilesOfOthersStay(t *testing.T) {
	w := harness.NewUserDomain(t, harness.Sticky)
	pub := w.Publish(harness.Owner(), harness.Publish{Pause: time.Millisecond, Size: 1000})
	if r := agent.As(w, harness.Member(), replaceFiles{}); !r.Kernel || !strings.Contains(r.Error, "operation not permitted") {
		t.Errorf("%+v", r)
	}
	if r := agent.As(w, harness.Member(), agent.SubscribeTen{Topic: "load"}); r.Error != "" {
		t.Error(r.Error)
	}
	pub.Finish()
}

func TestKernelSays_EndpointOwners(t *testing.T) {
	w := harness.NewUserDomain(t, 0o770|fs.ModeSetgid)
	pub := w.Publish(harness.Owner(), harness.Publish{Pause: time.Millisecond, Size: 1000})
	sub := w.Subscribe(harness.Member(), harness.Subscribe{})
	p, err := topic.Join(&topic.Options{Dir: w.Dir, Domain: "d"})
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
		c    *harness.Child
		user harness.User
	}{registry.KindPublisher: {pub.Child, harness.Owner()}, registry.KindSubscription: {sub.Child, harness.Member()}} {
		got := seen[kind]
		if got.UID != int(want.user.UID) || got.GID != harness.SharedGroup || got.PID != want.c.PID() || got.PIDCheck != registry.PIDOfUser {
			t.Errorf("%v: user %d, group %d, pid %d (%v), want the %s, pid %d", kind, got.UID, got.GID, got.PID, got.PIDCheck, want.user.Name, want.c.PID())
		}
	}
	o, err := registry.Observe(w.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	all, err := o.Snapshot()
	if err != nil || len(all) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, user := range all {
		if user.PIDCheck != registry.PIDOfFile {
			t.Errorf("root is told of %s of user %d: %v", user.Unit, user.UID, user.PIDCheck)
		}
	}
	pub.Finish()
	sub.Finish()
}
