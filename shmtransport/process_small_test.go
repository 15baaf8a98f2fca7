//go:build linux

package shmtransport

import (
	"context"
	"errors"
	"fmt"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// smallSize returns payload sizes nearly all of which fit an entry. One in 64 does not, so that entries change their
// kind.
func smallSize(seq uint64) int {
	n := 8 + int(seq*2654435761>>5%(ring.SmallPayload-7))
	if seq%64 == 0 {
		n += ring.SmallPayload
	}
	return n
}

func checkSmall(s Sample) error {
	b := s.Payload()
	if len(b) != smallSize(s.Sequence()) {
		return fmt.Errorf("sample %d has %d bytes, want %d", s.Sequence(), len(b), smallSize(s.Sequence()))
	}
	want := make([]byte, len(b))
	fillPattern(want, s.Sequence())
	if string(b) != string(want) {
		return fmt.Errorf("sample %d is torn", s.Sequence())
	}
	return nil
}

// publishSmallRole publishes small samples as fast as it can until it is killed. Its arguments are dir, publisher id,
// reader id, depth.
func publishSmallRole(args []string) error {
	endWithParent()
	n, err := numbers(args)
	if err != nil {
		return err
	}
	w, err := create(args[0], n[0], WriterOptions{Depth: int(n[2])})
	if err != nil {
		return err
	}
	if err := untilRead(w, args[0], n[1]); err != nil {
		return err
	}
	payload := make([]byte, 2*ring.SmallPayload)
	for seq := uint64(1); ; seq++ {
		b := payload[:smallSize(seq)]
		fillPattern(b, seq)
		if _, err := w.Publish(context.Background(), b); err != nil {
			return err
		}
	}
}

// A publisher of small samples is stopped, continues, and is killed, at any step. What it published is whole, in order
// and accounted for. A reader that connects after its death finds the same.
func TestReader_KilledPublisherOfSmallSamples(t *testing.T) {
	total := uint64(0)
	for round := range max(36/slowdown, 6) {
		depth := []uint64{1, 2, 16}[round%3]
		lossless := round/3%2 == 1
		d := newDomain(t)
		f := d.readerFile()
		c, q := d.startPublisher("publish-small", f, lossless, depth)
		options := ReaderOptions{
			Spin: []time.Duration{0, -1}[round/6%2], MaxHeld: 32,
			Failed: func(_ PublisherID, err error) { t.Error(err) },
		}
		r := NewReader(new(WaitSet), nil, options)
		l := d.connectPinned(r, f, q)
		go func() {
			for range 3 {
				time.Sleep(time.Duration(rand.IntN(int(4 * time.Millisecond))))
				c.cmd.Process.Signal(syscall.SIGSTOP)
				time.Sleep(time.Duration(rand.IntN(int(2 * time.Millisecond))))
				c.cmd.Process.Signal(syscall.SIGCONT)
			}
			time.Sleep(time.Duration(rand.IntN(int(4 * time.Millisecond))))
			c.kill()
			r.ParticipantExited(otherPublisher.Participant)
		}()
		var at, got, lost uint64
		var held []Sample
		buf := make([]Sample, 5)
		for r.Stats().Publishers > 0 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			n, err := r.ReceiveBatch(ctx, buf[:1+rand.IntN(len(buf))])
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			for _, s := range buf[:n] {
				if err := checkSmall(s); err != nil {
					t.Fatal(err)
				}
				if at != 0 && s.Sequence() != at+1+s.Lost() {
					t.Fatalf("sample %d after %d with %d lost", s.Sequence(), at, s.Lost())
				}
				at = s.Sequence()
				got++
				lost += s.Lost()
				if len(held) < 20 {
					held = append(held, s)
				} else {
					s.Release()
				}
			}
		}
		newest := l.newest()
		after := r.Stats().Lost - lost
		if all := newest + 1 - l.start; got+lost+after != all {
			t.Fatalf("round %d: %d received, %d lost, %d after the last, of %d", round, got, lost, after, all)
		}
		l.unpin()
		if lossless && lost+after != 0 {
			t.Fatalf("round %d: %d lost to a lossless subscription", round, lost+after)
		}
		checkDeadRing(t, d, f, q, depth, newest)
		r.Close()
		f.Close()
		for _, s := range held {
			if err := checkSmall(s); err != nil {
				t.Fatal("held: ", err)
			}
			s.Release()
		}
		total += got
	}
	t.Logf("%d samples taken", total)
}

// checkDeadRing reads the ring of a dead publisher with a new reader.
func checkDeadRing(t *testing.T, d *domain, f *ReaderFile, q ConnectOptions, depth, newest uint64) {
	t.Helper()
	if newest == 0 {
		return
	}
	r := NewReader(new(WaitSet), nil, ReaderOptions{MaxHeld: 32})
	defer r.Close()
	q.Lossless, q.History = false, int(depth)
	if err := r.Connect(f, q); err != nil {
		t.Fatal(err)
	}
	(*r.links.Load())[0].exited.Store(true)
	var s Sample
	ok, err := r.Latest(&s)
	if err != nil {
		t.Fatal(err)
	}
	if ok {
		if s.Sequence() != newest {
			t.Errorf("the latest is %d of %d", s.Sequence(), newest)
		}
		if err := checkSmall(s); err != nil {
			t.Error(err)
		}
		s.Release()
	} else {
		t.Error("there is no latest")
	}

	again := NewReader(new(WaitSet), nil, ReaderOptions{MaxHeld: 32})
	defer again.Close()
	if err := again.Connect(f, q); err != nil {
		t.Fatal(err)
	}
	(*again.links.Load())[0].exited.Store(true)
	want, missing := newest+1-min(newest, depth), uint64(0)
	for {
		s, ok, err := tryReceive(again)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		missing += s.Lost()
		if want += s.Lost(); s.Sequence() != want {
			t.Errorf("sample %d of the dead publisher, want %d", s.Sequence(), want)
		}
		if err := checkSmall(s); err != nil {
			t.Error(err)
		}
		s.Release()
		want++
	}
	missing += newest + 1 - want
	if missing > min(1, depth-1) {
		t.Errorf("%d of the last %d samples are missing", missing, depth)
	}
	if missing > 0 {
		t.Logf("depth %d: the publisher died in an entry", depth)
	}
}
