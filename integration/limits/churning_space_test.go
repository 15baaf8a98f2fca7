//go:build linux

package limits

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// A publisher fills the file system itself, with samples of all sizes, and another one and its subscriber must live with that.
func TestSpace_PublisherTakesAll(t *testing.T) {
	for _, size := range []string{"1m", "8m", "64m"} {
		t.Run(size, func(t *testing.T) {
			dir := harness.NewSmallDomain(t, size)
			sub, pub, other := agent.Start(t, dir), agent.Start(t, dir), agent.Start(t, dir)
			sub.SubscribeLossless("s", "t")
			sub.Subscribe("o", "other")
			pub.Advertise("p", "t")
			other.Advertise("o", "other")
			other.Send("o", 20, 500)
			sub.Take("o", 20)
			sent, n := uint64(0), 1000
			for ; ; n *= 2 {
				got, f := harness.Try(pub.Child, agent.Send{Publisher: "p", N: 1, Size: n})
				sent += got.Samples
				if f != nil && f.Lacks == harness.Space {
					break
				}
				if f != nil || n > 1<<30 {
					t.Fatalf("a sample of %d bytes: %+v", n, f)
				}
				sub.Take("s", 1)
			}
			t.Logf("the first that did not fit had %d bytes", n)
			for range 20 {
				pub.Send("p", 1, n/4)
				other.Send("o", 1, 500)
				sub.Take("s", 1)
				sub.Take("o", 1)
			}
			if a := sub.Stats("s"); a.Received != sent+20 || a.Lost != 0 {
				t.Errorf("of %d it received %+v", sent+20, a)
			}
			pub.Close("p")
			sub.HearOf(topic.Removed, "t", 1) // and has let go of its memory
			other.Send("o", 1, n/4)
			sub.Take("o", 1)
			agent.Finish(sub, pub, other)
		})
	}
}

// fill is the request of a process that takes all space of a file system and gives it back, over and over.
type fill struct{}

func fillRepeatedly(ctx context.Context, _ *subproc.Parent, _ fill) error {
	path := filepath.Join(os.Getenv("SHMBUS_DIR"), "filler")
	for {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		for err == nil {
			_, err = f.Write(make([]byte, 4096<<rand.IntN(6)))
		}
		time.Sleep(rand.N(3 * time.Millisecond))
		f.Truncate(0)
		f.Close()
		if err := os.Remove(path); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rand.N(3 * time.Millisecond)):
		}
	}
}

// isNoSpace reports whether an error is one of those that want of room may cause.
func isNoSpace(err error) bool {
	return errors.As(err, new(*shmtransport.NoSlotError)) || errors.As(err, new(*topic.SpaceError))
}

// noSpacePublish is the request of a process that publishes samples of all sizes, some of which find no space. It replies with an
// outcome of its publishes.
type noSpacePublish struct {
	Largest int // bytes
}

// An outcome counts the attempts that found space and those that did not.
type outcome struct{ Succeeded, Refused uint64 }

func publishWithoutSpace(stop context.Context, parent *subproc.Parent, r noSpacePublish) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	pub, err := topic.NewPublisher[[]byte](context.Background(), p, "load", nil)
	if err != nil {
		return err
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	ctx := context.Background()
	b := make([]byte, r.Largest)
	var done outcome
	var last error
	publish := func(n int) error {
		harness.Fill(b[:n], done.Succeeded+1)
		_, err := pub.Publish(ctx, b[:n])
		switch {
		case err == nil:
			done.Succeeded++
		case isNoSpace(err):
			done.Refused++
			last = err
		default:
			return fmt.Errorf("publish %d: %w", done.Succeeded+1, err)
		}
		return nil
	}
	for {
		if err := publish(min(rand.IntN(1<<rand.IntN(22)), r.Largest)); err != nil {
			return err
		}
		if stop.Err() != nil {
			break
		}
	}
	for range 16 { // the file system is empty again
		was := done.Succeeded
		if err := publish(r.Largest / 16); err != nil || done.Succeeded == was {
			return fmt.Errorf("with room: %w", errors.Join(err, last))
		}
	}
	return errors.Join(pub.Close(), parent.Reply(done))
}

// noSpaceJoin is the request of a process that joins, makes, uses, closes and leaves as far as there is space. It reports that it is ready
// again when it found no space for the first time, and replies with the outcome in the end.
type noSpaceJoin struct{}

func joinWithoutSpace(ctx context.Context, parent *subproc.Parent, _ noSpaceJoin) error {
	var done outcome
	begin := time.Now()
	if err := parent.Ready(); err != nil {
		return err
	}
	for {
		err := joinOnce()
		switch {
		case err == nil:
			done.Succeeded++
		case isNoSpace(err):
			if done.Refused++; done.Refused == 1 {
				if err := parent.Ready(); err != nil {
					return err
				}
			}
		default:
			return err
		}
		if done.Refused == 0 && time.Since(begin) > harness.WaitLimit {
			return errors.New("the file system is never full")
		}
		if ctx.Err() != nil {
			return parent.Reply(done)
		}
	}
}

// joinOnce joins, uses two topics and leaves.
func joinOnce() (err error) {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	sub, err := topic.NewSubscriber[[]byte](context.Background(), p, "mine", nil)
	if err != nil {
		return err
	}
	pub, err := topic.NewPublisher(context.Background(), p, "mine", &topic.PublisherOptions[[]byte]{InitialSampleSize: rand.IntN(20000)})
	if err != nil {
		return err
	}
	if _, err := pub.Publish(context.Background(), make([]byte, rand.IntN(40000))); err != nil {
		return err
	}
	return errors.Join(pub.Close(), sub.Close())
}

func TestSpace_FullNowAndThen(t *testing.T) {
	for size, largest := range map[string]int{"1m": 200000, "8m": 2000000} {
		t.Run(size, func(t *testing.T) {
			dir := harness.NewSmallDomain(t, size)
			receiver := harness.StartSubscriber(t, dir, harness.Subscribe{Progress: 100}).Ready()
			other := harness.StartSubscriber(t, dir, harness.Subscribe{Hold: 1}).Ready()
			before := agent.Start(t, dir)
			was := before.MeasureResources()
			pub := harness.Start(t, dir, noSpacePublish{Largest: largest}).Ready()
			filler := harness.Start(t, dir, fill{})
			maker := harness.Start(t, dir, noSpaceJoin{}).Ready()
			maker.Ready() // the samples that follow may all have come before the file system was full
			for range 15 {
				receiver.NextReport()
			}
			var made, sent outcome
			maker.Stop()
			maker.Expect(&made)
			maker.Finish()
			filler.Finish()
			pub.Stop()
			pub.Expect(&sent)
			t.Logf("%d published, %d refused; of %d participants %d found no space", sent.Succeeded, sent.Refused, made.Succeeded+made.Refused, made.Refused)
			for _, s := range []harness.Subscriber{receiver, other} {
				if got := s.EndAfter(sent.Succeeded); got.Received+got.Lost != sent.Succeeded {
					t.Errorf("received %d and lost %d of %d", got.Received, got.Lost, sent.Succeeded)
				}
				s.Finish()
			}
			pub.Finish()
			if n := harness.CountFiles(t, dir); n != 2 { // registry, and what was there before
				t.Errorf("%d files are left", n)
			}
			before.CheckSteady(was)
			before.Advertise("p", "t")
			before.Subscribe("s", "t")
			before.Send("p", 3, 10000)
			before.Take("s", 3)
			before.Finish()
		})
	}
}
