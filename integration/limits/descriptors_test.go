//go:build linux

package limits

import (
	"path/filepath"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/topic"
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

func TestDescriptors_EveryCallFailsAndNoPeerIsBlamed(t *testing.T) {
	dir := harness.NewDomain(t)
	poor, pub := agent.Start(t, dir), agent.Start(t, dir)
	poor.Subscribe("s", "t")
	poor.Advertise("p", "u")
	pub.Advertise("p", "t")
	pub.WaitPeers("p", 1)
	pub.Send("p", 1, 50)
	poor.Take("s", 1)
	poor.ForbidDescriptors()
	victim, newcomer := agent.Start(t, dir), agent.Start(t, dir)
	newcomer.Subscribe("s", "u")
	newcomer.Advertise("n", "t")
	was := harness.CountFiles(t, dir)
	for range 5 {
		agent.MustLack(poor, harness.Descriptors, 0, agent.Advertise{Name: "q", Topic: "q"})
		agent.MustLack(poor, harness.Descriptors, 0, agent.Advertise{Name: "q", Topic: "q", Latched: true})
		agent.MustLack(poor, harness.Descriptors, 0, agent.Record{Path: filepath.Join(t.TempDir(), "a.mcap")})
	}
	if n := harness.CountFiles(t, dir); n != was {
		t.Errorf("%d files, before it were %d", n, was)
	}
	joiner := agent.New(t, dir)
	joiner.ForbidDescriptors()
	agent.MustLack(joiner, harness.Descriptors, 0, agent.Join{})
	joiner.Finish()
	// What is connected goes on.
	pub.Send("p", 300, 5000)
	poor.Take("s", 300)
	poor.Send("p", 3, 5000)
	victim.Kill()
	for _, c := range []agent.Agent{pub, newcomer} {
		c.Hear(topic.Died, 1)
	}
	poor.LimitDescriptors(500)
	poor.Hear(topic.Died, 0)
	poor.WaitPeers("s", 2)
	poor.WaitPeers("p", 1)
	newcomer.Send("n", 1, 50)
	poor.Take("s", 1)
	poor.Hear(topic.Joined, 3) // itself, the two
	if a := poor.Hear(topic.Unavailable, 0); a.Count != 0 {
		t.Errorf("%d peers were called unavailable", a.Count)
	}
	agent.Finish(poor, pub, newcomer)
}
