//go:build linux

package shmtransport

import (
	"errors"
	"math"
	"testing"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// Each way to take a sample meets a file that was truncated to nothing or to its ring, and still returns the sample of
// the other publisher.
func TestReader_TruncatedPublisherFile(t *testing.T) {
	take := map[string]func(t *testing.T, r *Reader) (Sample, error){
		"TryReceive": func(t *testing.T, r *Reader) (s Sample, err error) {
			for ok := false; !ok && err == nil; {
				ok, err = r.TryReceive(&s)
			}
			return s, err
		},
		"Receive": func(t *testing.T, r *Reader) (Sample, error) { return r.Receive(t.Context()) },
		"Latest": func(t *testing.T, r *Reader) (s Sample, err error) {
			for ok := false; !ok && err == nil; {
				ok, err = r.Latest(&s)
			}
			return s, err
		},
		"ReceiveBatch": func(t *testing.T, r *Reader) (Sample, error) {
			buf := make([]Sample, 8)
			n, err := r.ReceiveBatch(t.Context(), buf)
			if err == nil && n != 1 {
				t.Errorf("%d samples", n)
			}
			return buf[0], err
		},
	}
	for name, take := range take {
		for _, tc := range []struct {
			name string
			size func(w *Writer) int64
			b    []byte
		}{
			{"everything", func(*Writer) int64 { return 0 }, []byte("small")},
			{"the ring", func(*Writer) int64 { return int64(shm.PageSize()) }, []byte("small")},
			{"the slots", func(w *Writer) int64 { return w.pool.arenas[0].off }, large()},
		} {
			t.Run(name+"/"+tc.name, func(t *testing.T) {
				c := newTruncatePair(t)
				c.publish(t, c.truncated, tc.b)
				truncate(t, c.path(c.truncated), tc.size(c.truncated))
				c.publish(t, c.honest, []byte("honest"))
				s, err := take(t, c.r)
				if err != nil || string(s.Payload()) != "honest" || s.Lost() != 0 {
					t.Fatalf("%q, %v", s.Payload(), err)
				}
				s.Release()
				if _, ok, err := tryReceive(c.r); ok || err != nil {
					t.Fatal("there is more:", err)
				}
				c.expectFailed(t)
				if n := c.r.Stats().Held; n != 0 {
					t.Errorf("%d samples count as held", n)
				}
				if c.f.open != 1 {
					t.Errorf("%d links are in use", c.f.open)
				}
				restoreFile(t, c)
			})
		}
	}
}

// A batch that ends with a fault returns the samples that it had taken.
func TestReceiveBatch_TruncatedPublisherFile(t *testing.T) {
	c := newTruncatePair(t)
	for range 3 {
		c.publish(t, c.honest, []byte("honest"))
		c.publish(t, c.truncated, large())
	}
	truncate(t, c.path(c.truncated), c.truncated.pool.arenas[0].off)
	var got int
	for got < 3 {
		buf := make([]Sample, 8)
		n, err := c.r.ReceiveBatch(t.Context(), buf)
		if err != nil {
			t.Fatal(err)
		}
		for i := range buf[:n] {
			if string(buf[i].Payload()) != "honest" {
				t.Errorf("sample %d of %v", buf[i].Sequence(), buf[i].Publisher())
			}
			buf[i].Release()
		}
		got += n
	}
	tryReceive(c.r)
	c.expectFailed(t)
	if f := c.r.Stats(); f.Messages != 3 || f.Held != 0 {
		t.Errorf("%d received, %d held", f.Messages, f.Held)
	}
	restoreFile(t, c)
}

// A sparse file of any length costs its owner nothing. No reader maps all of it.
func TestReader_SparsePublisherFile(t *testing.T) {
	c := newTruncatePair(t)
	c.publish(t, c.truncated, large())
	e := c.truncated.pool.table
	mem.Uint64(e, arenaOffSlotSize).Store(256 << 20)
	mem.Uint32(e, arenaOffSlots).Store(maxSlots)
	size := c.truncated.store.(*fileStore).size
	truncate(t, c.path(c.truncated), 1<<45)
	c.publish(t, c.honest, []byte("honest"))
	expect(t, c.r, "honest", 0)
	expectNothing(t, c.r)
	c.expectFailed(t)
	if n := c.r.set.mappedBytes.Load(); n != 0 {
		t.Errorf("%d bytes count as mapped", n)
	}
	truncate(t, c.path(c.truncated), size)
}

// A passive reader maps the ring, too.
func TestPassiveReader_TruncatedPublisherFile(t *testing.T) {
	d := newDomain(t)
	honest, truncated := d.writer(WriterOptions{}), d.writer(WriterOptions{})
	failed := make(chan error, 1)
	r := NewReader(new(ReaderSet), nil, ReaderOptions{Failed: func(_ PublisherID, err error) { failed <- err }})
	defer r.Close()
	for _, w := range []*Writer{truncated, honest} {
		if err := r.ConnectPassive(d.request(w, ConnectOptions{})); err != nil {
			t.Fatal(err)
		}
	}
	path := d.path(truncated.ID().Participant, "pub.1")
	truncate(t, path, 0)
	r.CheckPassive()
	if _, err := honest.Publish(t.Context(), large()); err != nil {
		t.Fatal(err)
	}
	r.CheckPassive()
	expect(t, r, string(large()), 0)
	expectNothing(t, r)
	if err := <-failed; !errors.As(err, new(*errdefs.CorruptError)) {
		t.Error(err)
	}
	truncate(t, path, truncated.store.(*fileStore).size)
}

// The file may be truncated after a sample was taken and before the call returns.
func TestReader_TruncatedFileAfterTake(t *testing.T) {
	c := newTruncatePair(t)
	c.publish(t, c.truncated, large())
	link := (*c.r.links.Load())[0]
	var s Sample
	if err := c.r.lock.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o, err := link.take(&s, 0); o != taken || err != nil {
		t.Fatal(o, err)
	}
	truncate(t, c.path(c.truncated), 0)
	func() {
		defer func(before sigbus.Mode) {
			before.Restore()
			c.r.recoverFault(recover(), &s, nil)
		}(sigbus.Guard())
		link.wakePublisher()
	}()
	c.expectFailed(t)
	if f := c.r.Stats(); f.Held != 0 || c.f.open != 1 || f.Lost != 1 || s.Payload() != nil {
		t.Errorf("%d held, %d links in use, %d lost", f.Held, c.f.open, f.Lost)
	}
	restoreFile(t, c)
}

func TestOverwritten_TruncatedPublisherFile(t *testing.T) {
	c := newTruncatePair(t)
	for _, w := range []*Writer{c.truncated, c.honest} {
		for range c.honest.ring.Depth() + 5 {
			c.publish(t, w, []byte("x"))
		}
	}
	truncate(t, c.path(c.truncated), 0)
	if got := c.r.Overwritten(); len(got) != 1 || got[0].Publisher != c.honest.ID() || got[0].Samples != 5 {
		t.Errorf("%+v", got)
	}
	restoreFile(t, c)
}

// A check of the rings meets a file that was truncated. It is found by the next receive.
func TestLastPublished_TruncatedPublisherFile(t *testing.T) {
	c := newTruncatePair(t)
	c.publish(t, c.truncated, large())
	for _, size := range []int64{c.truncated.pool.arenas[0].off, 0} {
		truncate(t, c.path(c.truncated), size)
		c.publish(t, c.honest, large())
		if at, by := c.r.LastPublished(math.MaxInt64); at == 0 || size == 0 && by != c.honest.ID() {
			t.Errorf("published at %d by %v", at, by)
		}
	}
	expect(t, c.r, string(large()), 0)
	c.expectFailed(t)
	restoreFile(t, c)
}
