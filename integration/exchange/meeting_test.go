//go:build linux

package exchange

import (
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/topic"
)

func TestManyProcesses_StartedAtOnce(t *testing.T) {
	const each = 6
	for range 3 {
		meetAtOnce(t, each)
	}
}

// meetAtOnce starts so many publishing and so many subscribing processes and checks that each pair connects and loses
// nothing.
func meetAtOnce(t *testing.T, each int) {
	dir := harness.NewDomain(t)
	var all []agent.Agent
	var calls []interface{ Done() }
	var taken []*harness.Pending[agent.Received]
	for range each {
		p, s := agent.New(t, dir), agent.New(t, dir)
		calls = append(calls,
			harness.Go(p.Child, agent.Join{}),
			harness.Go(p.Child, agent.Advertise{Name: "p", Topic: "t"}),
			harness.Go(p.Child, agent.WaitPeers{Name: "p", N: each}),
			harness.Go(p.Child, agent.Send{Publisher: "p", N: 1, Size: 8}),
			harness.Go(s.Child, agent.Join{}),
			harness.Go(s.Child, agent.Subscribe{Name: "s", Pattern: "t"}),
			harness.Go(s.Child, agent.WaitPeers{Name: "s", N: each}))
		taken = append(taken, s.GoTake("s", each))
		all = append(all, p, s)
	}
	for _, c := range calls {
		c.Done()
	}
	for _, p := range taken {
		if got := p.Wait(); got.Lost != 0 {
			t.Errorf("%d samples were lost", got.Lost)
		}
	}
	agent.Finish(all...)
}

func TestPublisher_ThreeHundredTopics(t *testing.T) {
	const topics = 300
	dir := harness.NewDomain(t)
	sub := agent.Start(t, dir)
	sub.Subscribe("all", "**")
	pub := agent.Start(t, dir)
	made := pub.AdvertiseMany("many", topics)
	pub.SendEach("many", topics)
	if got := sub.Take("all", topics); got.Topics != topics || got.Lost != 0 {
		t.Errorf("received %+v", got)
	}
	if got := harness.Do(sub.Child, agent.WaitEvents{Kind: topic.Added, Publishers: true, N: topics}); got.Count != topics {
		t.Errorf("%d publishers were announced", got.Count)
	}
	late := agent.Start(t, dir)
	connected := late.Subscribe("all", "many/*")
	late.WaitPeers("all", topics)
	pub.SendEach("many", topics)
	if got := late.Take("all", topics); got.Topics != topics || got.Lost != 0 {
		t.Errorf("the late one received %+v", got)
	}
	t.Logf("%d publishers made beside a subscriber of all in %v; a late subscriber was made in %v", topics, made.Took, connected.Took)
	agent.Finish(sub, pub, late)
}

func TestPublisher_MadeBesideManySubscribers(t *testing.T) {
	for _, subscribers := range []int{1, 10} {
		dir := harness.NewDomain(t)
		var all []agent.Agent
		for range subscribers {
			s := agent.Start(t, dir)
			s.Subscribe("s", "t")
			all = append(all, s)
		}
		pub := agent.Start(t, dir)
		var took time.Duration
		const times = 20
		for range times {
			took += pub.Advertise("p", "t").Took
			if got := pub.CountReaders("p"); got != subscribers {
				t.Errorf("made with %d of %d subscribers", got, subscribers)
			}
			pub.Close("p")
		}
		t.Logf("beside %d subscribers in processes of their own a publisher is made in %v", subscribers, took/times)
		agent.Finish(append(all, pub)...)
	}
}

func TestDeath_HeardByAll(t *testing.T) {
	dir := harness.NewDomain(t)
	var others []agent.Agent
	for range 3 {
		others = append(others, agent.Start(t, dir))
	}
	var worst, sum time.Duration
	const deaths = 5
	for i := range deaths {
		victim := agent.Start(t, dir)
		victim.Subscribe("s", "t")
		victim.Advertise("p", "t")
		for _, o := range others {
			o.HearOf(topic.Added, "t", 2*i+2)
		}
		begin := clock.New().Now()
		victim.Kill()
		for _, o := range others {
			took := time.Duration(o.Hear(topic.Died, i+1).At - begin)
			sum += took
			worst = max(worst, took)
		}
	}
	t.Logf("a death is heard after %v on average, %v at most", sum/time.Duration(deaths*len(others)), worst)
	agent.Finish(others...)
}
