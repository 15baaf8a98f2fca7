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

// How long each attack alone and the mix of all goes on. SHMBUS_TEST_HOSTILE is how long the mix does instead, as of
// time.ParseDuration; SHMBUS_TEST_SEED repeats a run's attacks.
const (
	eachAttack = 500 * time.Millisecond
	mixAttack  = 4 * time.Second
	oneLife    = 200 * time.Millisecond
)

// Two pairs exchange samples losslessly in a domain in which one process after the other attacks its own files, and a third
// process has to do with each of these. Nobody else ends, the pairs lose nothing, and the offender is named.
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
	defer time.AfterFunc(mix+time.Minute, func() {
		if h := current.Load(); h != nil {
			all = append(all, h)
		}
		for _, c := range all {
			c.cmd.Process.Signal(syscall.SIGQUIT)
		}
	}).Stop()

	lives := 0
	for _, attack := range attacks() {
		left := eachAttack
		if attack == "mix" {
			left = mix
		}
		for end := time.Now().Add(left); time.Now().Before(end); {
			lives++
			if err := mend(domain); err != nil {
				t.Fatal(err)
			}
			h := start(t, dir, "hostile", "-attack", attack, "-seed", strconv.FormatUint(seed+uint64(lives), 10))
			current.Store(h)
			h.ready()
			select {
			case <-h.ended():
			case <-time.After(min(oneLife, time.Until(end))):
			}
			h.kill()
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
	case len(e.Named) < lives/10 || e.Named[""] > 0:
		t.Errorf("%d processes of %d are named, %d errors name nobody", len(e.Named), lives, e.Named[""])
	case e.Kinds["cut the file short"] == 0 || caught == 0:
		t.Error("nobody was caught cutting a file short, or lying in a ring")
	case e.Received == 0 || e.Published == 0:
		t.Error("the exposed process did nothing")
	case e.SysMiB > 200 || e.Goroutines > 50:
		t.Errorf("the exposed process took %d MiB and has %d goroutines", e.SysMiB, e.Goroutines)
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
