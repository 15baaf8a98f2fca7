//go:build linux

package integration

import (
	"fmt"
	"testing"
)

func TestAMillionMessagesAllArriveInOrder(t *testing.T) {
	const messages = 1_000_000 / slowdown
	count := fmt.Sprint(messages)
	dir := newDomain(t)
	sub := start(t, dir, "subscribe", "-lossless", "-count", count).ready()
	pub := start(t, dir, "publish", "-subscribers", "1", "-count", count).ready()
	var published uint64
	pub.expect(&published)
	var got tally
	sub.expect(&got)
	if published != messages || got.Received != published || got.Lost != 0 || got.Last != published {
		t.Fatalf("published %d, received %+v", published, got)
	}
	t.Logf("%d messages of 64 bytes, lossless, in %v: %.2f million a second", got.Received, got.Took, float64(got.Received)/got.Took.Seconds()/1e6)
	pub.finish()
	sub.finish()
}

func TestEveryReaderAccountsForEverySampleWhileTheyGrow(t *testing.T) {
	accountWhileTheyGrow(t, "40")
}

// The limit has room for a ring of the largest samples and for those that are held, and not for what was outgrown as well.
func TestEveryReaderAccountsForEverySampleWhileTheyGrowAtTheLimit(t *testing.T) {
	accountWhileTheyGrow(t, "3", "-limit", "4200000")
}

func accountWhileTheyGrow(t *testing.T, hold string, publish ...string) {
	const messages = "6000" // the last 500 are of the largest size
	dir := newDomain(t)
	subs := []*child{
		start(t, dir, "subscribe", "-count", messages),
		start(t, dir, "subscribe", "-count", messages, "-hold", "5"),
		start(t, dir, "subscribe", "-count", messages, "-hold", hold),
		start(t, dir, "subscribe", "-count", messages, "-lossless"),
	}
	for _, s := range subs {
		s.ready()
	}
	pub := start(t, dir, "publish", append([]string{"-subscribers", "4", "-count", messages, "-grow"}, publish...)...).ready()
	var published uint64
	pub.expect(&published)
	for i, s := range subs {
		var got tally
		s.expect(&got)
		if got.Received+got.Lost != published {
			t.Errorf("reader %d: %d received + %d lost, %d published", i, got.Received, got.Lost, published)
		}
		if i == 3 && got.Lost != 0 {
			t.Errorf("the lossless reader lost %d", got.Lost)
		}
		s.finish()
	}
	pub.finish()
}

func TestProcessesMeetInEitherOrder(t *testing.T) {
	for range 20 {
		dir := newDomain(t)
		sub := start(t, dir, "subscribe", "-count", "10", "-lossless").ready()
		pub := start(t, dir, "publish", "-subscribers", "1", "-count", "10")
		var got tally
		sub.expect(&got)
		if got.Received != 10 {
			t.Fatalf("subscriber first: %+v", got)
		}
		pub.ready().finish()
		sub.finish()

		pub = start(t, dir, "publish", "-subscribers", "1", "-count", "10")
		sub = start(t, dir, "subscribe", "-count", "10", "-lossless").ready()
		pub.ready()
		sub.expect(&got)
		if got.Received != 10 {
			t.Fatalf("publisher first: %+v", got)
		}
		pub.finish()
		sub.finish()
	}
}
