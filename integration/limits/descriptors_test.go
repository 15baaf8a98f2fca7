//go:build linux

package limits

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestDescriptors_MadeUpForLater(t *testing.T) {
	const topics = 12
	dir := harness.NewDomain(t)
	sub, pub := agent.Start(t, dir), agent.Start(t, dir)
	sub.Subscribe("all", "**")
	pub.Advertise("before", "t")
	pub.WaitPeers("before", 1)
	sub.LimitDescriptors(3)
	pub.AdvertiseMany("many", topics)
	pub.SendEach("many", topics)
	if _, f := harness.Try(sub.Child, agent.Subscribe{Name: "more", Pattern: "other/**"}); f != nil && f.Lacks != harness.Descriptors {
		t.Errorf("without descriptors: %+v", f)
	}
	was := sub.MeasureResources() // no descriptor to count descriptors with
	if was.FDs > 0 {
		t.Logf("%+v", was)
	}
	sub.LimitDescriptors(200)
	sub.WaitPeers("all", topics+1)
	pub.WaitPeers(agent.Numbered("many", topics-1), 1)
	pub.SendEach("many", topics)
	if got := sub.Take("all", 2*topics); got.Topics != topics || got.Lost != 0 {
		t.Errorf("received %+v", got)
	}
	sub.Finish()
	pub.Finish()
}

func TestDescriptors_PublisherFailsAndLeavesNothing(t *testing.T) {
	dir := harness.NewDomain(t)
	pub, sub := agent.Start(t, dir), agent.Start(t, dir)
	sub.Subscribe("s", "t")
	pub.Advertise("p", "t")
	pub.LimitDescriptors(1)
	was := harness.CountFiles(t, dir)
	for range 20 {
		if _, f := harness.Try(pub.Child, agent.AdvertiseMany{Prefix: "many", N: 5}); f == nil || f.Lacks != harness.Descriptors {
			t.Fatalf("five publishers with one descriptor: %+v", f)
		}
		for _, name := range []string{"many/0", "many/1"} {
			harness.Try(pub.Child, agent.Close{Name: name, IfOpen: true})
		}
	}
	if n := harness.CountFiles(t, dir); n != was {
		t.Errorf("%d files, before it were %d", n, was)
	}
	pub.Send("p", 1, 8)
	sub.Take("s", 1)
	pub.LimitDescriptors(100)
	pub.Advertise("q", "t")
	pub.Send("q", 1, 8)
	sub.Take("s", 1)
	pub.Finish()
	sub.Finish()
}

func TestSpace_FullUntilFreed(t *testing.T) {
	dir := harness.NewSmallDomain(t, "1m")
	sub, pub := agent.Start(t, dir), agent.Start(t, dir)
	sub.Subscribe("s", "t")
	pub.Advertise("p", "t")
	pub.Send("p", 1, 64)
	sub.Take("s", 1)
	filler := filepath.Join(dir, "filler")
	harness.FillUp(t, filler)
	was := harness.CountFiles(t, dir)
	for range 5 {
		// A publish may find room in what the publisher has; nothing else can.
		wantNoSpace(t, pub, agent.Advertise{Name: "q", Topic: "t"})
		wantNoSpace(t, pub, agent.Advertise{Name: "q", Topic: "t", InitialSize: 4096})
		wantNoSpace(t, pub, agent.Send{Publisher: "p", N: 1, Size: 200000})
		wantNoSpace(t, pub, agent.Subscribe{Name: "q", Pattern: "u"})
	}
	if n := harness.CountFiles(t, dir); n != was {
		t.Errorf("%d files, before it were %d", n, was)
	}
	stranger := agent.New(t, dir)
	wantNoSpace(t, stranger, agent.Join{})
	stranger.Finish()
	pub.Send("p", 1, 64)
	sub.Take("s", 1)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	pub.Send("p", 1, 200000)
	pub.Advertise("q", "t")
	pub.WaitPeers("q", 1)
	pub.Send("q", 1, 8)
	sub.Take("s", 2)
	pub.Finish()
	sub.Finish()
}

// wantNoSpace makes a call that must find no space.
func wantNoSpace[R any](t *testing.T, a agent.Agent, call harness.Call[*agent.State, R]) {
	t.Helper()
	if _, f := harness.Try(a.Child, call); f == nil || f.Lacks != harness.Space {
		t.Errorf("%T%+v: %+v", call, call, f)
	}
}
