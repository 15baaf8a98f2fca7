package shmtransport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// keyModel is what readers of a publisher must find.
type keyModel struct {
	newest map[string]uint64 // sequence of the newest sample of each key
	key    map[uint64]string // of each sample
}

// A keyCheck is a reader and what it has received.
type keyCheck struct {
	r              *Reader
	seen           map[string]uint64
	start, last    uint64
	received, lost uint64 // from start on
}

func (c *keyCheck) take(t *testing.T, m *keyModel) (Sample, bool) {
	t.Helper()
	s, ok, err := tryReceive(c.r)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return s, false
	}
	seq := s.Sequence()
	if seq <= c.last {
		t.Fatalf("sample %d after %d", seq, c.last)
	}
	if want := fmt.Sprint(seq, " ", m.key[seq]); !strings.HasPrefix(string(s.Payload()), want) {
		t.Fatalf("sample %d is %q, not %q", seq, s.Payload(), want)
	}
	if seq < c.start {
		if s.Lost() != 0 {
			t.Fatalf("%d lost before the start", s.Lost())
		}
	} else {
		if expected := max(c.last, c.start-1) + 1 + s.Lost(); seq != expected {
			t.Fatalf("sample %d after %d with %d lost", seq, c.last, s.Lost())
		}
		c.received++
		c.lost += s.Lost()
	}
	c.last = seq
	c.seen[m.key[seq]] = seq
	return s, true
}

// Readers of every sort that join and receive at any time have the newest sample of every key when they have taken everything.
func TestKeys_RandomAgainstModel(t *testing.T) {
	for round := range max(400/slowdown, 20) {
		random := rand.New(rand.NewPCG(uint64(round), 1))
		depth := 1 << random.IntN(6)
		h := newEntryRing(t, WriterOptions{Depth: depth, MaxKeys: 12, MemoryLimit: int64(40+random.IntN(200)) << 10, Volatile: round%2 == 1})
		m := &keyModel{map[string]uint64{}, map[uint64]string{}}
		var readers []*keyCheck
		var held []Sample
		for range 300 + random.IntN(300) {
			switch random.IntN(40) {
			case 0:
				q := LinkRequest{History: uint32(random.IntN(2) * random.IntN(depth+1))}
				c := &keyCheck{seen: map[string]uint64{}}
				c.start = startFor(max(uint64(q.History), 1), h.w.seq, depth)
				if random.IntN(2) == 0 {
					c.r = h.passiveReader(q.History)
					for seq := c.start; seq <= h.w.seq; seq++ {
						if h.w.inRing[h.w.ring.Index(seq)] == noSlot { // taken back: there are no small samples
							c.start = seq + 1
						}
					}
				} else {
					c.r = h.reader(q, ReaderOptions{})
					if h.w.opts.Volatile {
						c.start = startFor(1, h.w.seq, depth)
					}
				}
				readers = append(readers, c)
			case 1, 2, 3, 4, 5, 6:
				if len(readers) == 0 {
					continue
				}
				c := readers[random.IntN(len(readers))]
				for range random.IntN(20) {
					s, ok := c.take(t, m)
					if !ok {
						break
					}
					held = append(held, s)
				}
			case 7, 8, 9:
				for len(held) > random.IntN(6) {
					i := random.IntN(len(held))
					held[i].Release()
					held = append(held[:i], held[i+1:]...)
				}
			case 10:
				key := fmt.Sprint("key", random.IntN(12))
				_, there := m.newest[key]
				if h.w.Dispose(key) != there {
					t.Fatalf("%s: not %v", key, there)
				}
				delete(m.newest, key)
				for _, c := range readers {
					delete(c.seen, key)
				}
			default:
				key := fmt.Sprint("key", int(random.ExpFloat64()*3)%12)
				payload := fmt.Sprint(h.w.seq+1, " ", key, strings.Repeat(".", random.IntN(3)*random.IntN(2000)))
				_, err := h.w.PublishKey(t.Context(), key, []byte(payload))
				var space *NoSlotError
				if errors.As(err, &space) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				m.newest[key] = h.w.seq
				m.key[h.w.seq] = key
			}
			h.checkSlots()
		}
		if random.IntN(2) == 0 {
			h.w.Close()
			for _, c := range readers {
				c.r.Prune()
			}
		}
		for _, s := range held {
			s.Release()
		}
		for _, c := range readers {
			for {
				s, ok := c.take(t, m)
				if !ok {
					break
				}
				s.Release()
			}
			for key, seq := range m.newest {
				if c.seen[key] != seq {
					t.Fatalf("round %d: a reader from %d has sample %d of %s, not %d", round, c.start, c.seen[key], key, seq)
				}
			}
			lost := c.r.Stats().Lost
			for _, l := range *c.r.links.Load() {
				lost += l.lost // after the last sample received
			}
			if published := h.w.seq + 1 - max(c.start, 1); c.received+lost != published || lost < c.lost {
				t.Fatalf("round %d: %d received and %d lost of %d from %d", round, c.received, lost, published, c.start)
			}
		}
	}
}
