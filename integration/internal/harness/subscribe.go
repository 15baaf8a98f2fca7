//go:build linux

package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// Subscribe is the request of a process that checks every sample which a Publish process publishes. It replies with a Report when all
// samples are accounted for, or when the parent asks it to end.
type Subscribe struct {
	Topic    string // "load" if empty
	Count    uint64 // samples received and lost, of all publishers, after which it replies; 0: as many as a message says
	Lossless bool
	Hold     int    // samples to keep before the oldest is released
	Progress uint64 // reply with a report each time so many were received
}

// A Report is what a subscriber received.
type Report struct {
	Received, Lost uint64
	Publishers     int           // distinct ones, in the last reply
	Heard          int           // distinct ones so far
	Last           uint64        // sequence of the newest sample
	Took           time.Duration // from the first sample to the last
}

// A Subscriber is a process that subscribes.
type Subscriber struct{ *Child }

// StartSubscriber starts a process that subscribes in the domain below dir.
func StartSubscriber(t testing.TB, dir string, request Subscribe) Subscriber {
	t.Helper()
	return Subscriber{Start(t, dir, request)}
}

// Ready waits until the process has subscribed.
func (s Subscriber) Ready() Subscriber {
	s.T.Helper()
	s.Child.Ready()
	return s
}

// NextReport waits for the process's next reply.
func (s Subscriber) NextReport() (got Report) {
	s.T.Helper()
	s.Expect(&got)
	return got
}

// WaitPublishers waits until the process received samples of so many publishers: a publisher that is ready may not have published yet.
func (s Subscriber) WaitPublishers(publishers int) {
	s.T.Helper()
	for s.NextReport().Heard < publishers {
	}
}

// Final reads replies until the last one, which the process makes after it was asked to end.
func (s Subscriber) Final() (got Report) {
	s.T.Helper()
	for got.Publishers == 0 {
		s.Expect(&got)
	}
	return got
}

// EndAfter tells the process how many samples it must account for, and returns its last reply.
func (s Subscriber) EndAfter(samples uint64) Report {
	s.T.Helper()
	s.Send(samples)
	return s.Final()
}

func subscribe(ctx context.Context, parent *subproc.Parent, r Subscribe) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	sub, err := topic.NewSubscriber(ctx, p, cmp.Or(r.Topic, "load"), &topic.SubscriberOptions[[]byte]{Lossless: r.Lossless})
	if err != nil {
		return err
	}
	receive, cancel := context.WithCancel(context.Background())
	var target atomic.Uint64
	target.Store(r.Count)
	go func() {
		if n, ok := NextMessage[uint64](ctx, parent); ok {
			target.Store(n)
		}
		cancel()
	}()
	if err := parent.Ready(); err != nil {
		return err
	}
	var t Report
	var began time.Time
	last := map[topic.PublisherID]uint64{}
	var held []topic.Sample[[]byte]
	for target.Load() == 0 || t.Received+t.Lost < target.Load() {
		s, err := sub.Receive(receive)
		if errors.Is(err, context.Canceled) {
			if target.Load() == 0 {
				break
			}
			receive = context.Background() // the number of samples is known: they must all come
			continue
		}
		if err != nil {
			return err
		}
		if t.Received == 0 {
			began = time.Now()
		}
		if err := Check(s.Bytes(), s.Sequence()); err != nil {
			return err
		}
		if want := last[s.Publisher()] + 1 + s.Lost(); last[s.Publisher()] != 0 && s.Sequence() != want {
			return fmt.Errorf("sequence %d after %d with %d lost", s.Sequence(), last[s.Publisher()], s.Lost())
		}
		last[s.Publisher()] = s.Sequence()
		t.Received++
		t.Lost += s.Lost()
		t.Last = s.Sequence()
		held = append(held, s)
		if len(held) > r.Hold {
			if err := Check(held[0].Bytes(), held[0].Sequence()); err != nil {
				return fmt.Errorf("while held: %w", err)
			}
			held[0].Release()
			held = held[1:]
		}
		t.Heard = len(last)
		if r.Progress > 0 && t.Received%r.Progress == 0 {
			if err := parent.Reply(t); err != nil {
				return err
			}
		}
	}
	t.Took = time.Since(began)
	t.Publishers = len(last)
	for _, s := range held {
		if err := Check(s.Bytes(), s.Sequence()); err != nil {
			return fmt.Errorf("while held: %w", err)
		}
		s.Release()
	}
	if err := parent.Reply(t); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
