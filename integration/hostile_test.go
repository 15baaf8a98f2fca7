//go:build linux

package integration

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// How long the mix of all attacks goes on, and one process with one of them. SHMBUS_TEST_HOSTILE is how long the mix does instead,
// as of time.ParseDuration; SHMBUS_TEST_SEED repeats a run's attacks.
const (
	mixAttack = 4 * time.Second
	oneLife   = 200 * time.Millisecond
	maxLives  = 40 // with one attack until somebody is named
)

// Two pairs exchange samples losslessly in a domain in which one process after the other attacks its own files, and a third
// process has to do with each of these. Nobody else ends, the pairs lose nothing, and for each attack that has an effect on
// others somebody is named who makes it.
func TestAHostileProcessHurtsNobodyElse(t *testing.T) {
	mix, seed := mixAttack, rand.Uint64()
	var err error
	if v := os.Getenv("SHMBUS_TEST_HOSTILE"); v != "" {
		if mix, err = time.ParseDuration(v); err != nil {
			t.Fatal(err)
		}
	}
	if v := os.Getenv("SHMBUS_TEST_SEED"); v != "" {
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SHMBUS_TEST_SEED=%d", seed)
	dir := newDomain(t)
	domain := filepath.Join(dir, "d")

	type pair struct{ pub, sub *child }
	var pairs []pair
	for i, args := range [][]string{{"-pause", "50us"}, {"-pause", "100us", "-grow"}} {
		name := "pair" + strconv.Itoa(i)
		sub := start(t, dir, "subscribe", "-topic", name, "-lossless", "-hold", "3").ready()
		pub := start(t, dir, "publish", append(args, "-topic", name, "-subscribers", "1")...).ready()
		pairs = append(pairs, pair{pub, sub})
	}
	exposed := start(t, dir, "exposed").ready()
	defer mend(domain)

	// Whoever is stuck says where.
	var current atomic.Pointer[child]
	all := []*child{exposed, pairs[0].pub, pairs[0].sub, pairs[1].pub, pairs[1].sub}
	defer time.AfterFunc(mix+4*time.Minute, func() {
		if h := current.Load(); h != nil {
			all = append(all, h)
		}
		for _, c := range all {
			c.cmd.Process.Signal(syscall.SIGQUIT)
		}
	}).Stop()

	lives := 0
	// live lets one more hostile process live for a while and returns how often it was named.
	live := func(attack string, long time.Duration) (named int) {
		lives++
		if err := mend(domain); err != nil {
			t.Fatal(err)
		}
		h := start(t, dir, "hostile", "-attack", attack, "-seed", strconv.FormatUint(seed+uint64(lives), 10))
		current.Store(h)
		h.ready()
		var id uint64
		h.expect(&id)
		select {
		case <-h.ended():
		case <-time.After(long):
		}
		h.kill()
		exposed.tell(id)
		exposed.expect(&named)
		return named
	}
	for _, attack := range attacks() {
		switch {
		case attack.name == "mix":
			for end := time.Now().Add(mix); time.Now().Before(end); {
				live(attack.name, oneLife)
			}
		case attack.harmless != "":
			live(attack.name, oneLife)
		default:
			tries, long := 1, oneLife
			for live(attack.name, long) == 0 {
				if tries++; tries > maxLives {
					t.Errorf("%s: none of %d who did that is named", attack.name, maxLives)
					break
				}
				long = min(2*long, 2*time.Second) // some things are only found out by who looks each second
			}
			t.Logf("%s: named in life %d", attack.name, tries)
		}
	}
	if err := mend(domain); err != nil {
		t.Fatal(err)
	}

	for _, p := range pairs {
		p.pub.in.Close()
		var published uint64
		p.pub.expect(&published)
		p.sub.tell(published)
		var got tally
		p.sub.expect(&got)
		if got.Received != published || got.Lost != 0 || published < 1000 {
			t.Errorf("%d published, %d received, %d lost", published, got.Received, got.Lost)
		}
		p.sub.finish()
		p.pub.finish()
	}
	exposed.in.Close()
	var e exposure
	exposed.expect(&e)
	exposed.finish()
	t.Logf("%d hostile processes, %d of them met; %+v", lives, e.Lives, e)
	caught := 0
	for _, k := range []string{"ring entry", "slot of sequence", "in a slot of", "arena"} {
		caught += e.Kinds[k]
	}
	switch {
	case e.Named < lives/10 || len(e.Nameless) > 0:
		t.Errorf("%d processes of %d are named; nobody by %q", e.Named, lives, e.Nameless)
	case e.Kinds["cut the file short"] == 0 || caught == 0:
		t.Error("nobody was caught cutting a file short, or lying in a ring")
	case e.Received == 0 || e.Published == 0:
		t.Error("the exposed process did nothing")
	case e.MostSysMiB > 200 || e.Goroutines > 50 || e.Descriptors > 50 || e.Maps > 500:
		t.Errorf("the exposed process took %d MiB and has %d goroutines, %d descriptors, %d maps", e.MostSysMiB, e.Goroutines, e.Descriptors, e.Maps)
	}
}

// ended returns a channel that is closed when the child says no more, which is when it has ended.
func (c *child) ended() <-chan struct{} {
	end := make(chan struct{})
	go func() {
		for c.lines.Scan() {
		}
		close(end)
	}()
	return end
}
