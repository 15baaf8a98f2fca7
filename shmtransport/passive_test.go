//go:build linux

package shmtransport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// passiveReader connects a passive reader to a publisher.
func (d *domain) passiveReader(w *Writer, q ConnectOptions, opts ReaderOptions) *Reader {
	d.t.Helper()
	r := NewReader(new(ReaderSet), nil, opts)
	if err := r.ConnectPassive(d.request(w, q)); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(r.Close)
	return r
}

// checkPassiveInBackground calls CheckPassive until the test ends.
func checkPassiveInBackground(t testing.TB, r *Reader) {
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(PassiveInterval):
				r.CheckPassive()
			}
		}
	}()
}

func TestPassiveReader_EverySample(t *testing.T) {
	for _, size := range []int{8, 104, 105, 5000, 200_000} {
		d := newDomain(t)
		w := d.writer(WriterOptions{Depth: 8})
		payload := make([]byte, size)
		for i := range 5 {
			fillTagged(payload, uint64(i))
			if _, err := w.Publish(t.Context(), payload); err != nil {
				t.Fatal(err)
			}
		}
		r := d.passiveReader(w, ConnectOptions{History: 3}, ReaderOptions{})
		checkPassiveInBackground(t, r)
		if n := w.Readers(); n != 0 {
			t.Errorf("the publisher knows of %d readers", n)
		}
		var held []Sample
		for seq := uint64(3); seq <= 5; seq++ {
			s, err := r.Receive(t.Context())
			if err != nil || s.Sequence() != seq || s.Lost() != 0 || len(s.Payload()) != size || checkTagged(s.Payload()) != nil {
				t.Fatalf("%d bytes: sample %d with %d lost, %v, want %d", size, s.Sequence(), s.Lost(), err, seq)
			}
			held = append(held, s)
		}
		received := make(chan struct{})
		go func() {
			for i := range 20 {
				if i < 2 {
					time.Sleep(50 * time.Millisecond) // long enough that only CheckPassive wakes the reader
				}
				fillTagged(payload, uint64(100+i))
				if _, err := w.Publish(context.Background(), payload); err != nil {
					panic(err)
				}
				<-received
			}
		}()
		for range 20 {
			s, err := r.Receive(t.Context())
			if err != nil || checkTagged(s.Payload()) != nil || s.Lost() != 0 {
				t.Fatalf("%d lost, %v", s.Lost(), err)
			}
			s.Release()
			received <- struct{}{}
		}
		for _, s := range held {
			if err := checkTagged(s.Payload()); err != nil || len(s.Payload()) != size {
				t.Errorf("a copy changed: %v", err)
			}
			s.Release()
		}
	}
}

// A publisher without lossless readers rewrites its slots as fast as it can. Every sample received is whole, and every
// other sample is counted as lost.
func TestPassiveReader_CopyIsOfOneSample(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{Depth: 2, MemoryLimit: 8 << 20})
	r := d.passiveReader(w, ConnectOptions{AllHistory: true}, ReaderOptions{})
	published := make(chan uint64)
	go func() {
		defer close(published)
		payload := make([]byte, 40_000)
		for i := range 8_000 / slowdown {
			n := 200 + rand.IntN(39_000)
			fillTagged(payload[:n], rand.Uint64())
			if _, err := w.Publish(context.Background(), payload[:n]); err != nil {
				panic(err)
			}
			if i%(1000/slowdown) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		seq := w.Sequence()
		w.Close()
		published <- seq
	}()
	var counted, received, want uint64
	for want == 0 || counted < want {
		s, ok, err := tryReceive(r)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			received++
			counted += 1 + s.Lost()
			if counted != s.Sequence() {
				t.Fatalf("%d received and lost at sample %d", counted, s.Sequence())
			}
			if err := checkTagged(s.Payload()); err != nil {
				t.Fatalf("sample %d: %v", s.Sequence(), err)
			}
			s.Release()
			continue
		}
		select {
		case n, ok := <-published:
			if ok {
				want = n
			}
		default:
		}
	}
	t.Logf("received %d of %d", received, want)
	if received == 0 {
		t.Error("nothing was received")
	}
}

func TestReader_FileOfAnotherUser(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{})
	f := d.readerFile()
	refused := errors.New("refused")
	accept := func(_ string, uid int) error {
		if uid != os.Geteuid() {
			return fmt.Errorf("asked about user %d", uid)
		}
		return refused
	}
	r := NewReader(new(ReaderSet), nil, ReaderOptions{})
	defer r.Close()
	q := d.request(w, ConnectOptions{Accept: accept})
	for what, err := range map[string]error{"Connect": r.Connect(f, q), "Watch": r.ConnectPassive(q)} {
		if !errors.Is(err, refused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if p, err := OpenPeerFile(d.path(f.id, "reader"), f.id, accept); !errors.Is(err, refused) {
		t.Errorf("OpenPeerFile: %v", err)
		p.Close()
	}
}

// A sparse file costs its owner nothing, whatever sizes it claims.
func TestPassiveReader_SparseFile(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{})
	r := d.passiveReader(w, ConnectOptions{}, ReaderOptions{Failed: func(PublisherID, error) {}})
	var failed error
	r.opts.Failed = func(_ PublisherID, err error) { failed = err }
	if _, err := w.Publish(t.Context(), make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	const claim = 200 << 20
	f, err := os.OpenFile(d.path(w.ID().Participant, "pub.1"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	word := func(v uint64) []byte { return binary.NativeEndian.AppendUint64(nil, v) }
	_, err1 := f.WriteAt(word(claim), pubOffArenas+arenaOffSlotSize)
	_, err2 := f.WriteAt(word(claim), w.pool.arenas[0].off+int64(w.inRing[w.ring.Index(1)].index())*int64(slotHeaderSize+claim)+slotOffLength)
	_, err3 := f.WriteAt(word(1), w.pool.arenas[0].off+int64(w.inRing[w.ring.Index(1)].index())*int64(slotHeaderSize+claim)+slotOffSequence)
	if err := errors.Join(err1, err2, err3, f.Truncate(1<<32)); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if s, ok, err := tryReceive(r); ok || err != nil {
		t.Errorf("%d bytes, %v", len(s.Payload()), err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 || !errors.As(failed, new(*errdefs.CorruptError)) {
		t.Errorf("it took %d bytes; failed: %v", grown, failed)
	}
}

// A publisher may have many arenas, and a participant many publishers, but a Go program that reaches the limit of
// mappings crashes.
func TestReader_MappedArenasLimit(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{})
	waits := new(ReaderSet)
	waits.mappedArenas.Store(maxMappedArenas)
	var failed error
	r := NewReader(waits, nil, ReaderOptions{Failed: func(_ PublisherID, err error) { failed = err }})
	defer r.Close()
	d.connect(r, d.readerFile(), w, ConnectOptions{})
	if _, err := w.Publish(t.Context(), make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	var limit *errdefs.LimitError
	if _, ok, err := tryReceive(r); ok || err != nil || !errors.As(failed, &limit) || limit.Limit != maxMappedArenas {
		t.Errorf("taken: %t, %v; failed: %v", ok, err, failed)
	}
	if n := waits.mappedArenas.Load(); n != maxMappedArenas {
		t.Errorf("%d are counted", n)
	}
	waits.mappedArenas.Store(maxMappedArenas - 1)
	d.connect(r, d.readerFile(), w, ConnectOptions{History: 1})
	expect(t, r, string(make([]byte, 5000)), 0)
	if n := waits.mappedArenas.Load(); n != maxMappedArenas {
		t.Errorf("%d are counted", n)
	}
}
