//go:build linux

package integration

import (
	"testing"
	"time"
)

func TestManyThatStartAtOnceAllMeet(t *testing.T) {
	const each = 6
	for range 3 {
		meetAtOnce(t, each)
	}
}

// meetAtOnce starts so many publishing and so many subscribing processes and checks that each pair connects and loses
// nothing.
func meetAtOnce(t *testing.T, each int) {
	dir := newDomain(t)
	var pubs, subs []*child
	for range each {
		p, s := start(t, dir, "agent"), start(t, dir, "agent")
		p.send("join")
		p.send("pub p t")
		p.send("peers p %d", each)
		p.send("send p 1 8")
		s.send("join")
		s.send("sub s t")
		s.send("peers s %d", each)
		s.send("take s %d", each)
		pubs, subs = append(pubs, p), append(subs, s)
	}
	for _, c := range append(pubs, subs...) {
		for _, what := range []string{"join", "make", "connect", "exchange"} {
			var a agentReply
			if c.expect(&a); a.Err != "" {
				t.Fatalf("%s: %s", what, a.Err)
			}
			if what == "exchange" && a.Lost != 0 {
				t.Errorf("%d samples were lost", a.Lost)
			}
		}
	}
	for _, c := range append(pubs, subs...) {
		c.finish()
	}
}

func TestAPublisherIsHeardOnManyTopics(t *testing.T) {
	const topics = 300
	dir := newDomain(t)
	sub := startAgent(t, dir)
	sub.do("sub all **")
	pub := startAgent(t, dir)
	made := pub.do("pubs many %d", topics)
	pub.do("sendall many %d", topics)
	if got := sub.do("take all %d", topics); got.Topics != topics || got.Lost != 0 {
		t.Errorf("received %+v", got)
	}
	if got := sub.do("heard publisher %d", topics); got.Received != topics {
		t.Errorf("%d publishers were announced", got.Received)
	}
	late := startAgent(t, dir)
	connected := late.do("sub all many/*")
	late.do("peers all %d", topics)
	pub.do("sendall many %d", topics)
	if got := late.do("take all %d", topics); got.Topics != topics || got.Lost != 0 {
		t.Errorf("the late one received %+v", got)
	}
	t.Logf("%d publishers made beside a subscriber of all in %v; a late subscriber was made in %v", topics, made.Took, connected.Took)
	for _, c := range []*child{sub, pub, late} {
		c.finish()
	}
}

func TestMakingAPublisherBesideManySubscribers(t *testing.T) {
	for _, subscribers := range []int{1, 10} {
		dir := newDomain(t)
		var all []*child
		for range subscribers {
			s := startAgent(t, dir)
			s.do("sub s t")
			all = append(all, s)
		}
		pub := startAgent(t, dir)
		var took time.Duration
		const times = 20
		for range times {
			took += pub.do("pub p t").Took
			if got := pub.do("count p"); got.Received != uint64(subscribers) {
				t.Errorf("made with %d of %d subscribers", got.Received, subscribers)
			}
			pub.do("close p")
		}
		t.Logf("beside %d subscribers in processes of their own a publisher is made in %v", subscribers, took/times)
		for _, c := range append(all, pub) {
			c.finish()
		}
	}
}

func TestADeathIsHeardByAll(t *testing.T) {
	dir := newDomain(t)
	var others []*child
	for range 3 {
		others = append(others, startAgent(t, dir))
	}
	var worst, sum time.Duration
	const deaths = 5
	for i := range deaths {
		victim := startAgent(t, dir)
		victim.do("sub s t")
		victim.do("pub p t")
		for _, o := range others {
			o.do("heard added:t %d", 2*i+2)
		}
		begin := monotonic()
		victim.kill()
		for _, o := range others {
			took := time.Duration(o.do("heard died %d", i+1).At - begin)
			sum += took
			worst = max(worst, took)
		}
	}
	t.Logf("a death is heard after %v on average, %v at most", sum/time.Duration(deaths*len(others)), worst)
	for _, o := range others {
		o.finish()
	}
}
