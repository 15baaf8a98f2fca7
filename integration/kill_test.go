//go:build linux

package integration

import (
	"math/rand/v2"
	"testing"
	"time"
)

// randomDelay lets a load run for a random moment, so that kills hit every part of the protocol over many runs.
func randomDelay() { time.Sleep(time.Duration(rand.Int64N(int64(20 * time.Millisecond)))) }

// progress waits until a subscriber reports that it received more.
func progress(c *child) (got tally) {
	c.t.Helper()
	c.expect(&got)
	return got
}

// waitPublishers waits until a subscriber has samples of so many publishers: a publisher that is ready may not have published yet.
func waitPublishers(c *child, publishers int) {
	c.t.Helper()
	for progress(c).Heard < publishers {
	}
}

// final reads reports until the last one, which a child makes after it was asked to end.
func final(c *child) (got tally) {
	c.t.Helper()
	for got.Publishers == 0 {
		c.expect(&got)
	}
	return got
}

func TestOthersGoOnWhenAPublisherIsKilled(t *testing.T) {
	dir := newDomain(t)
	subs := []*child{
		start(t, dir, "subscribe", "-progress", "500"),
		start(t, dir, "subscribe", "-progress", "500", "-lossless", "-hold", "3"),
	}
	for _, s := range subs {
		s.ready()
	}
	survivor := start(t, dir, "publish", "-subscribers", "2", "-pause", "20us").ready()
	for i := range 3 {
		victim := start(t, dir, "publish", "-subscribers", "2", "-grow").ready()
		for _, s := range subs {
			waitPublishers(s, i+2)
		}
		randomDelay()
		victim.kill()
		for _, s := range subs {
			progress(s)
			progress(s)
		}
	}
	survivor.in.Close()
	var published uint64
	survivor.expect(&published)
	for _, s := range subs {
		s.in.Close()
		if got := final(s); got.Publishers != 4 {
			t.Errorf("heard of %d publishers, want 4: %+v", got.Publishers, got)
		}
		s.finish()
	}
	survivor.finish()
}

func TestOthersGoOnWhenASubscriberIsKilled(t *testing.T) {
	for _, policy := range []string{"keep-last", "lossless"} {
		t.Run(policy, func(t *testing.T) {
			dir := newDomain(t)
			witness := start(t, dir, "subscribe", "-lossless", "-progress", "500").ready()
			pub := start(t, dir, "publish", "-subscribers", "1", "-grow").ready()
			for range 3 {
				args := []string{"-progress", "100", "-hold", "8"}
				if policy == "lossless" {
					args = append(args, "-lossless")
				}
				victim := start(t, dir, "subscribe", args...).ready()
				progress(victim)
				randomDelay()
				victim.kill()
				progress(witness)
				progress(witness)
			}
			pub.in.Close()
			var published uint64
			pub.expect(&published)
			witness.sendNumber(published)
			got := final(witness)
			if got.Received+got.Lost != published || got.Lost != 0 {
				t.Errorf("the witness received %d and lost %d, %d were published", got.Received, got.Lost, published)
			}
			witness.finish()
			pub.finish()
		})
	}
}

func TestOthersGoOnWhenBothEndsAreKilled(t *testing.T) {
	dir := newDomain(t)
	witness := start(t, dir, "subscribe", "-lossless", "-progress", "200").ready()
	for i := range 3 {
		survivor := start(t, dir, "publish", "-subscribers", "1", "-pause", "10us").ready()
		victims := []*child{
			start(t, dir, "subscribe", "-hold", "8", "-progress", "100").ready(),
			start(t, dir, "subscribe", "-lossless", "-progress", "100").ready(),
			start(t, dir, "publish", "-subscribers", "3", "-grow").ready(),
		}
		progress(victims[0])
		progress(victims[1])
		waitPublishers(witness, 2*i+2)
		randomDelay()
		for _, i := range rand.Perm(len(victims)) {
			victims[i].kill()
		}
		progress(witness)
		progress(witness)
		survivor.finish()
	}
	witness.in.Close()
	if got := final(witness); got.Publishers != 6 {
		t.Errorf("heard of %d publishers, want 6: %+v", got.Publishers, got)
	}
	witness.finish()
}
