//go:build linux

package adversary

import (
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

// readingTime is how long a user who may only read attacks. SHMBUS_TEST_HOSTILE is how long it does instead.
const readingTime = 3 * time.Second

// A user of the group may read in the domain and not make files. It attacks every word of every file that it may open, and touches
// every byte, while others publish, receive, join and leave. It finds no word on which a process sleeps, and no hole.
func TestReadOnlyUser_EveryWordOfEveryFile(t *testing.T) {
	w := harness.NewUserDomain(t, 0o750|fs.ModeSetgid)
	during := readingTime
	if v := os.Getenv("SHMBUS_TEST_HOSTILE"); v != "" {
		var err error
		if during, err = time.ParseDuration(v); err != nil {
			t.Fatal(err)
		}
	}
	var subs []harness.Subscriber
	var pubs []harness.Publisher
	for _, p := range []harness.Publish{
		{Topic: "slow", Pause: 50 * time.Millisecond, Depth: 64, Size: 64},
		{Topic: "fast", Pause: time.Millisecond, Depth: 1024, Size: 64},
		{Topic: "large", Pause: 20 * time.Millisecond, Depth: 64, Size: 1500},
		{Topic: "lossless", Pause: time.Millisecond, Depth: 16, Size: 500},
	} {
		p.Subscribers = 1
		subs = append(subs, w.Subscribe(harness.Owner(), harness.Subscribe{Topic: p.Topic, Lossless: p.Topic == "lossless"}))
		pubs = append(pubs, w.Publish(harness.Owner(), p))
	}
	many := w.Start(harness.Owner(), harness.MemberChurn{Members: 5}).Ready()
	visits := w.Start(harness.Owner(), readerChurn{}).Ready()
	c := w.Start(harness.Member(), readingAttackRequest{}).Ready() // one alone: it would find others that sleep where it does
	time.Sleep(during)                                             // the attack is what takes its time
	var a readingAttack
	c.Stop()
	c.Expect(&a)
	c.Finish()
	t.Logf("%+v", a)
	if a.Moved != 0 || a.Woken != 0 || a.Taken != 0 || a.Holes >= int64(os.Getpagesize()) || len(a.Strange) > 0 {
		t.Errorf("%d sleepers were moved and %d woken, files had holes of %d bytes, touching took %d: %q", a.Moved, a.Woken, a.Holes, a.Taken, a.Strange)
	}
	for _, sort := range []string{"participant", "pub"} {
		if a.Opened[sort] == 0 || a.Refused[sort] != 0 {
			t.Errorf("it may read the %s files: %v, %v", sort, a.Opened, a.Refused)
		}
	}
	for _, sort := range []string{"reader", "wake", "registry"} {
		if a.Refused[sort] == 0 || a.Opened[sort] != 0 {
			t.Errorf("it may not open the %s files: %v, %v", sort, a.Opened, a.Refused)
		}
	}
	var visited uint64
	visits.Stop()
	visits.Expect(&visited)
	visits.Finish()
	if visited == 0 {
		t.Error("no newcomer met another")
	}
	for i, pub := range pubs {
		published := pub.End()
		got := subs[i].EndAfter(published)
		t.Logf("%d published, %+v, %d newcomers", published, got, visited)
		if got.Lost != 0 || got.Received != published {
			t.Errorf("%d of %d received, %d lost", got.Received, published, got.Lost)
		}
	}
	for i := range pubs {
		pubs[i].Finish()
		subs[i].Finish()
	}
	many.Finish()
}
