//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// steady compares what a child had before with what it has now.
func (c *child) steady(before agentReply) {
	c.t.Helper()
	now := c.do("figures")
	c.t.Logf("before %+v", before)
	c.t.Logf("now    %+v", now)
	if now.FDs > before.FDs+8 || now.Maps > before.Maps+8 || now.Goroutines > before.Goroutines+8 || now.HeapKiB > before.HeapKiB+4096 {
		c.t.Errorf("it grew from %+v to %+v", before, now)
	}
}

func TestPublishersThatComeAndGoLeaveNothing(t *testing.T) {
	const times = 1000
	dir := newDomain(t)
	sub, pub := startAgent(t, dir), startAgent(t, dir)
	sub.do("sub s t lossless")
	pub.do("churnpub t 10")
	sub.do("take s 10")
	subWas, pubWas := sub.do("figures"), pub.do("figures")
	sub.send("take s %d", times)
	took := pub.do("churnpub t %d", times).Took
	var got agentReply
	if sub.expect(&got); got.Err != "" || got.Received != times || got.Lost != 0 {
		t.Errorf("received %+v", got)
	}
	t.Logf("%d publishers made and closed beside a subscriber in %v", times, took)
	pub.steady(pubWas)
	sub.steady(subWas)
	pub.finish()
	sub.finish()
}

func TestSubscribersThatComeAndGoLeaveNothing(t *testing.T) {
	const times = 1000
	dir := newDomain(t)
	pub, sub := startAgent(t, dir), startAgent(t, dir)
	pub.do("pub p t")
	sub.do("churnsub t 10")
	pubWas, subWas := pub.do("figures"), sub.do("figures")
	took := sub.do("churnsub t %d", times).Took
	t.Logf("%d subscribers made and closed beside a publisher in %v", times, took)
	pub.steady(pubWas)
	sub.steady(subWas)
	// Of the publisher's admissions, 128, none may be left.
	for i := range 100 {
		sub.do("sub s%d t", i)
	}
	pub.do("peers p 100")
	if n := pub.do("send p 1 8").Received; n != 1 {
		t.Errorf("sent %d", n)
	}
	pub.finish()
	sub.finish()
}

func TestParticipantsThatComeAndGoLeaveNothing(t *testing.T) {
	dir := newDomain(t)
	stays, goes := startAgent(t, dir), startAgent(t, dir)
	stays.do("pub p t")
	stays.do("sub s t")
	var was agentReply
	for i := range 100 {
		goes.do("pub p t")
		goes.do("sub s t")
		goes.do("leave")
		goes.do("join")
		if i == 10 {
			was = stays.do("figures")
		}
	}
	stays.steady(was)
	stays.finish()
	goes.finish()
}

// What is unread of publishers that closed is kept within the memory limit, and takes nothing any more once it was received.
func TestSubscriber_UnreadOfClosedPublishers(t *testing.T) {
	const before, more = 100, 1000
	dir := newDomain(t)
	sub, pub := startAgent(t, dir), startAgent(t, dir)
	sub.do("sub s t")
	pub.do("churnpub t %d", before)
	sub.do("take s %d", before)
	was := sub.do("figures")
	took := pub.do("churnpub t %d", more).Took
	t.Logf("%d publishers made and closed beside a subscriber that does not receive in %v", more, took)
	sub.do("take s %d", more)
	if got := sub.do("stats s"); got.Received != before+more || got.Lost != 0 {
		t.Errorf("it counted %d received and %d lost of %d published", got.Received, got.Lost, before+more)
	}
	sub.steady(was)
	pub.finish()
	sub.finish()
}

func TestAStoppedSubscriberStopsNobody(t *testing.T) {
	dir := newDomain(t)
	stopped, other, pub := startAgent(t, dir), startAgent(t, dir), startAgent(t, dir)
	stopped.do("sub s **")
	other.do("sub s **")
	pub.do("pub early t")
	stopped.signal(syscall.SIGSTOP)
	sent := pub.do("send early 10000 64")
	first := pub.do("pub late t")
	for range 5 {
		pub.do("pub more t")
		pub.do("close more")
	}
	second := pub.do("pub more t")
	late := other.do("sub another t")
	t.Logf("10000 samples published in %v; beside a stopped subscriber the first publisher is made in %v, a later one in %v, a subscriber in %v", sent.Took, first.Took, second.Took, late.Took)
	pub.do("send late 1 8")
	other.do("take another 1")
	stopped.signal(syscall.SIGCONT)
	pub.do("peers late 3")
	if got := stopped.do("take s 10001"); got.Received < 17 {
		t.Errorf("continued, it received %+v", got)
	}
	stopped.signal(syscall.SIGSTOP)
	stopped.kill()
	other.do("heard died 1")
	pub.do("heard died 1")
	pub.do("send late 100 8")
	pub.finish()
	other.finish()
}

func TestAStoppedPublisherStopsNobody(t *testing.T) {
	dir := newDomain(t)
	stopped, other := startAgent(t, dir), startAgent(t, dir)
	stopped.do("pub p t")
	stopped.signal(syscall.SIGSTOP)
	made := other.do("sub s t")
	other.do("pub p t")
	other.do("send p 3 8")
	other.do("take s 3")
	t.Logf("beside a stopped publisher a subscriber is made in %v", made.Took)
	stopped.signal(syscall.SIGCONT)
	other.do("peers s 2")
	stopped.do("send p 5 8")
	other.do("take s 5")
	stopped.signal(syscall.SIGSTOP)
	stopped.kill()
	other.do("heard died 1")
	other.finish()
}

func TestADomainThatIsRemovedDisturbsNoSampleThatIsHeld(t *testing.T) {
	dir := newDomain(t)
	sub := start(t, dir, "subscribe", "-hold", "5", "-progress", "50").ready()
	pub := start(t, dir, "publish", "-subscribers", "1").ready()
	progress(sub)
	gone := filepath.Join(dir, "gone")
	if err := os.Rename(filepath.Join(dir, "d"), gone); err != nil { // at once, or somebody makes a new registry file meanwhile
		t.Fatal(err)
	}
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	sub.in.Close()
	final(sub) // it checks what it holds, and says so
	sub.finish()
	pub.in.Close()
	var published uint64
	pub.expect(&published)
	pub.cmd.Wait()
	pub.over = true
	if s := pub.err.String(); strings.Contains(s, "panic") || strings.Contains(s, "SIG") {
		t.Error(s)
	}
}
