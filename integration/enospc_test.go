//go:build linux

package integration

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// A publisher fills the file system itself, with samples of all sizes, and another one and its subscriber must live with that.
func TestAPublisherThatTakesAllRoomCanBeLivedWith(t *testing.T) {
	for _, size := range []string{"1m", "8m", "64m"} {
		t.Run(size, func(t *testing.T) {
			dir := newSmallDomain(t, size)
			sub, pub, other := startAttemptAgent(t, dir), startAttemptAgent(t, dir), startAttemptAgent(t, dir)
			sub.mustSucceed("sub s t lossless")
			sub.mustSucceed("sub o other")
			pub.mustSucceed("pub p t")
			other.mustSucceed("pub o other")
			other.mustSucceed("send o 20 500")
			sub.mustSucceed("take o 20")
			sent, n := uint64(0), 1000
			for ; ; n *= 2 {
				a := pub.attempt("send p 1 %d", n)
				sent += a.Received
				if a.Want == "space" {
					break
				}
				if a.Err != "" || n > 1<<30 {
					t.Fatalf("a sample of %d bytes: %+v", n, a)
				}
				sub.mustSucceed("take s 1")
			}
			t.Logf("the first that did not fit had %d bytes", n)
			for range 20 {
				pub.mustSucceed("send p 1 %d", n/4)
				other.mustSucceed("send o 1 500")
				sub.mustSucceed("take s 1")
				sub.mustSucceed("take o 1")
			}
			if a := sub.mustSucceed("stats s"); a.Received != sent+20 || a.Lost != 0 {
				t.Errorf("of %d it received %+v", sent+20, a)
			}
			pub.mustSucceed("close p")
			sub.mustSucceed("heard removed:t 1") // and has let go of its memory
			other.mustSucceed("send o 1 %d", n/4)
			sub.mustSucceed("take o 1")
			for _, c := range []*child{sub, pub, other} {
				c.finish()
			}
		})
	}
}

// fillRole takes all room of a file system and gives it back, over and over.
func fillRole(args []string) error {
	asked := stdinClosed()
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
		case <-asked:
			return nil
		case <-time.After(rand.N(3 * time.Millisecond)):
		}
	}
}

// isNoSpace reports whether an error is one of those that want of room may cause.
func isNoSpace(err error) bool {
	return errors.As(err, new(*shmtransport.NoSpaceError)) || errors.As(err, new(*registry.SpaceError))
}

// noSpacePublishRole publishes samples of all sizes, some of which find no room, and reports how many did and did not.
func noSpacePublishRole(args []string) error {
	f := flag.NewFlagSet("no-space-publish", flag.ContinueOnError)
	largest := f.Int("largest", 0, "bytes")
	if err := f.Parse(args); err != nil {
		return err
	}
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	pub, err := topic.NewPublisher[[]byte](context.Background(), p, "load", nil)
	if err != nil {
		return err
	}
	if err := report("ready"); err != nil {
		return err
	}
	asked := stdinClosed()
	ctx := context.Background()
	b := make([]byte, *largest)
	var published, refused uint64
	var last error
	publish := func(n int) error {
		fill(b[:n], published+1)
		_, err := pub.Publish(ctx, b[:n])
		switch {
		case err == nil:
			published++
		case isNoSpace(err):
			refused++
			last = err
		default:
			return fmt.Errorf("publish %d: %w", published+1, err)
		}
		return nil
	}
	for over := false; !over; {
		if err := publish(min(rand.IntN(1<<rand.IntN(22)), *largest)); err != nil {
			return err
		}
		select {
		case <-asked:
			over = true
		default:
		}
	}
	for range 16 { // the file system is empty again
		was := published
		if err := publish(*largest / 16); err != nil || published == was {
			return fmt.Errorf("with room: %w", errors.Join(err, last))
		}
	}
	return errors.Join(pub.Close(), report([2]uint64{published, refused}))
}

// noSpaceJoinRole joins, makes, uses, closes and leaves as far as there is room, and reports when there was none for the first time, and in
// the end how often there was and was not.
func noSpaceJoinRole([]string) error {
	asked := stdinClosed()
	var done [2]uint64
	begin := time.Now()
	if err := report("ready"); err != nil {
		return err
	}
	for {
		err := joinOnce()
		switch {
		case err == nil:
			done[0]++
		case isNoSpace(err):
			if done[1]++; done[1] == 1 {
				if err := report("hindered"); err != nil {
					return err
				}
			}
		default:
			return err
		}
		if done[1] == 0 && time.Since(begin) > waitLimit {
			return errors.New("the file system is never full")
		}
		select {
		case <-asked:
			return report(done)
		default:
		}
	}
}

// joinOnce is a short life of a participant.
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

func TestAFileSystemThatIsFullNowAndThenCostsOnlyErrors(t *testing.T) {
	for size, largest := range map[string]string{"1m": "200000", "8m": "2000000"} {
		t.Run(size, func(t *testing.T) {
			dir := newSmallDomain(t, size)
			witness := start(t, dir, "subscribe", "-progress", "100").ready()
			other := start(t, dir, "subscribe", "-hold", "1").ready()
			before := startAttemptAgent(t, dir)
			was := before.mustSucceed("figures")
			pub := start(t, dir, "no-space-publish", "-largest", largest).ready()
			filler := start(t, dir, "fill")
			maker := start(t, dir, "no-space-join").ready()
			var word string
			if maker.expect(&word); word != "hindered" { // the samples that follow may all have come before anybody filled anything
				t.Fatalf("the maker said %q", word)
			}
			for range 15 {
				progress(witness)
			}
			var made, sent [2]uint64
			maker.in.Close()
			maker.expect(&made)
			maker.finish()
			filler.finish()
			pub.in.Close()
			pub.expect(&sent)
			t.Logf("%d published, %d refused; of %d lives of a participant %d were cut short", sent[0], sent[1], made[0]+made[1], made[1])
			for _, s := range []*child{witness, other} {
				s.sendNumber(sent[0])
				if got := final(s); got.Received+got.Lost != sent[0] {
					t.Errorf("received %d and lost %d of %d", got.Received, got.Lost, sent[0])
				}
				s.finish()
			}
			pub.finish()
			if n := entries(t, dir); n != 2 { // registry, and what was there before
				t.Errorf("%d files are left", n)
			}
			before.steady(was.agentReply)
			before.mustSucceed("pub p t")
			before.mustSucceed("sub s t")
			before.mustSucceed("send p 3 10000")
			before.mustSucceed("take s 3")
			before.finish()
		})
	}
}
