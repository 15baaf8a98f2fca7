//go:build shmbus_failpoints

package shmtransport

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// newestIn returns the newest sample of each key that a reader finds in memory of a dead publisher.
func newestIn(t *testing.T, v view, id PublisherID, passive bool) map[string]int {
	t.Helper()
	l, err := openLink(v, id)
	if err != nil {
		t.Fatal(err)
	}
	l.attach(mem.Alloc(linkPageSize), 64)
	l.exited.Store(true)
	if l.passive = passive; passive {
		l.begin(l.startWithoutAdmission())
	}
	r := NewReader(new(ReaderSet), nil, ReaderOptions{Spin: -1})
	defer r.Close()
	r.addLink(l, func() {})
	newest := map[string]int{}
	for {
		s, ok, err := tryReceive(r)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return newest
		}
		key, number, _ := strings.Cut(strings.TrimRight(string(s.Payload()), "."), " ")
		newest[key], _ = strconv.Atoi(number)
		s.Release()
	}
}

// After each step of a publisher's death its memory has the newest sample of each key.
func TestKeys_DeathAfterEveryStep(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 4, MaxKeys: 6, MemoryLimit: 40 << 10})
	before, after := map[string]int{}, map[string]int{}
	reading, done := false, false
	steps := map[string]int{}
	failpoint.Visit(func(step string) {
		if reading || strings.HasPrefix(step, "admit.") {
			return
		}
		reading = true
		defer func() { reading = false }()
		steps[step]++
		done = done || step == "publish.word" || step == "key.dispose"
		v := hostileView(mem.Alloc(int(h.store.size)))
		for _, p := range h.store.chunks {
			copy(v[p.off:], p.b)
		}
		for _, passive := range []bool{false, true} {
			if got := newestIn(t, v, h.w.ID(), passive); !maps.Equal(got, after) && (done || !maps.Equal(got, before)) {
				t.Fatalf("after %s (passive %v): %v, not %v or %v", step, passive, got, before, after)
			}
		}
	})
	defer failpoint.Visit(func(string) {})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	var held []Sample
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		key := fmt.Sprint("key", random.IntN(6))
		after, done = maps.Clone(before), false
		if random.IntN(10) == 0 && i > 20 && h.w.keys.newest[h.w.keys.index[key]].sequence != h.w.seq { // the ring keeps the newest sample
			delete(after, key)
			h.w.Dispose(key)
		} else {
			after[key] = i
			payload := fmt.Sprint(key, " ", i, strings.Repeat(".", random.IntN(2)*random.IntN(4000)))
			_, err := h.w.PublishKey(t.Context(), key, []byte(payload))
			for errors.As(err, new(*NoSlotError)) && len(held) > 0 {
				held[0].Release()
				held = held[1:]
				_, err = h.w.PublishKey(t.Context(), key, []byte(payload))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		before = after
		if random.IntN(5) == 0 {
			reading = true
			s, ok, err := tryReceive(r)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				held = append(held, s)
			}
			reading = false
		}
	}
	for _, step := range []string{"publish.word", "publish.head", "publish.retire", "publish.count", "key.word", "key.retire", "key.dispose", "takeback.word", "reclaim.free"} {
		if steps[step] == 0 {
			t.Errorf("no step %s in %v", step, steps)
		}
	}
}

// A publisher that replaces every sample after any step of a reader never makes it read a slot that was reused.
func TestKeys_ReplacedAfterEveryStep(t *testing.T) {
	for _, passive := range []bool{false, true} {
		for _, lost := range []bool{false, true} {
			steps := map[string]int{}
			for _, at := range []string{"key.scan", "take.load", "take.used", "take.mark", "take.check", "take.read", "take.count"} {
				h := newEntryRing(t, WriterOptions{Depth: 2, MaxKeys: 8})
				number := 0
				connect := func() *Reader {
					if passive {
						return h.passiveReader(0)
					}
					return h.reader(LinkRequest{}, ReaderOptions{})
				}
				update := func() {
					for range 6 { // more than the slots that are free
						for key := range 4 {
							number++
							h.publishKey(fmt.Sprint(key), fmt.Sprint(key, " ", number))
						}
					}
				}
				r := connect()
				update()
				if !lost {
					r = connect()
				}
				r.opts.Failed = func(_ PublisherID, err error) { t.Errorf("after %s: %v", at, err) }
				var stopped bool
				failpoint.Visit(func(step string) {
					if steps[step]++; step == at && !stopped {
						stopped = true
						update()
						h.w.pool.reclaim(h.w)
						update()
						stopped = false
					}
				})
				var last uint64
				var held []Sample
				for range 40 {
					s, ok, err := tryReceive(r)
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					var key, n int
					if _, err := fmt.Sscan(string(s.Payload()), &key, &n); err != nil || uint64(n) != s.Sequence() || s.Sequence() <= last {
						t.Fatalf("after %s: sample %d after %d is %q", at, s.Sequence(), last, s.Payload())
					}
					last = s.Sequence()
					if held = append(held, s); len(held) > 3 {
						if want := fmt.Sprint(held[0].Sequence()); !strings.HasSuffix(string(held[0].Payload()), " "+want) {
							t.Fatalf("after %s: held sample %s is %q", at, want, held[0].Payload())
						}
						held[0].Release()
						held = held[1:]
					}
				}
				failpoint.Visit(func(string) {})
				for _, s := range held {
					s.Release()
				}
				drain(t, r)
				h.checkSlots()
			}
			if steps["key.scan"] == 0 || steps["take.load"] == 0 || !passive && steps["take.mark"] == 0 {
				t.Errorf("passive %v, lost %v: %v", passive, lost, steps)
			}
		}
	}
}

// A publisher that overtakes its readers and changes its whole key table after the step key.scan keeps a reader from other publishers for
// the time of one scan.
func TestKeys_HostileChangesAfterEveryStep(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 1, MaxKeys: MaxKeys})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	h.publishKey("a", "a")
	expect(t, r, "a", 0)
	scans, seq := 0, uint64(1)
	change := func() {
		seq += 2 * MaxKeys
		for i := range h.w.keys.words {
			h.w.keys.words[i].Store(ring.Word(seq-1-uint64(i), 3))
		}
		h.w.head.Store(seq)
		h.w.ring.Word(seq).Store(ring.Word(seq, 1))
	}
	change()
	failpoint.Visit(func(step string) {
		if step == "key.scan" {
			scans++
			change()
		}
	})
	defer failpoint.Visit(func(string) {})
	if o, err := r.takeNext(new(Sample)); o != lapped || err != nil || scans != 1 {
		t.Errorf("outcome %v, %v after %d scans", o, err, scans)
	}
	expectNothing(t, r)
	if scans > maxLapRetries/8 {
		t.Errorf("%d scans", scans)
	}
}
