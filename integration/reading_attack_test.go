//go:build linux

package integration

import (
	"io/fs"
	"os"
	"slices"
	"testing"
	"time"
)

// readingTime is how long a user who may only read attacks. SHMBUS_TEST_HOSTILE is how long it does instead.
const readingTime = 3 * time.Second

// A user of the group may read in the domain and not make files. It attacks every word of every file that it may open, and touches
// every byte, while others publish, receive, join and leave. It finds no word on which a process sleeps, and no hole.
func TestUserWhoMayOnlyRead_EveryWordOfEveryFile(t *testing.T) {
	w := newUserDomain(t, 0o750|fs.ModeSetgid)
	during := readingTime
	if v := os.Getenv("SHMBUS_TEST_HOSTILE"); v != "" {
		var err error
		if during, err = time.ParseDuration(v); err != nil {
			t.Fatal(err)
		}
	}
	var subs, pubs []*child
	for _, p := range []struct{ name, pause, depth, size, lossless string }{
		{"slow", "50ms", "64", "64", "false"},
		{"fast", "1ms", "1024", "64", "false"},
		{"large", "20ms", "64", "1500", "false"},
		{"lossless", "1ms", "16", "500", "true"},
	} {
		subs = append(subs, w.run(owner(), "subscribe", "-topic", p.name, "-lossless="+p.lossless).ready())
		pubs = append(pubs, w.run(owner(), "publish", "-topic", p.name, "-pause", p.pause, "-depth", p.depth, "-size", p.size, "-subscribers", "1").ready())
	}
	many := w.run(owner(), "member-churn", "-members", "5").ready()
	visits := w.run(owner(), "reader-churn").ready()
	c := w.run(member(), "reading-attack").ready() // one alone: it would find others that sleep where it does
	time.Sleep(during)                             // the attack is what takes its time
	var a readingAttack
	c.in.Close()
	c.expect(&a)
	c.finish()
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
	visits.in.Close()
	visits.expect(&visited)
	visits.finish()
	if visited == 0 {
		t.Error("no newcomer met another")
	}
	for i, pub := range pubs {
		var published uint64
		pub.in.Close()
		pub.expect(&published)
		subs[i].sendNumber(published)
		var got tally
		subs[i].expect(&got)
		t.Logf("%d published, %+v, %d newcomers", published, got, visited)
		if got.Lost != 0 || got.Received != published {
			t.Errorf("%d of %d received, %d lost", got.Received, published, got.Lost)
		}
	}
	for _, c := range slices.Concat(pubs, subs, []*child{many}) {
		c.finish()
	}
}
