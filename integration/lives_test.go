//go:build linux && shmbus_killpoints

package integration

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// A life is what a victim does from its first step to its last, so that it comes to every step of its protocols.
type life struct {
	name   string
	phases []phase
}

type phase struct {
	name string
	do   func(*victim) error
}

func lives() []life {
	join := phase{"join", (*victim).join}
	leave := phase{"leave", (*victim).leave}
	return []life{
		{"publisher", []phase{join,
			{"advertise", (*victim).advertise}, {"small", (*victim).small}, {"slots", (*victim).slots}, {"batches", (*victim).batches},
			{"loans", (*victim).loans}, {"at the limit", (*victim).atTheLimit}, {"visited", (*victim).visited}, {"slowed", (*victim).slowed},
			{"close", (*victim).close}, leave}},
		{"crowded", []phase{join, {"crowd", (*victim).crowd}, leave}},
		{"subscriber", []phase{join,
			{"subscribe", (*victim).subscribe}, {"take", (*victim).take}, {"batches", (*victim).takeBatches}, {"latest", (*victim).latest},
			{"lag", (*victim).lag}, {"hold", (*victim).hold}, {"close", (*victim).close}, leave}},
		{"lossless", []phase{join,
			{"subscribe", (*victim).subscribeLossless}, {"take", (*victim).take}, {"batches", (*victim).takeBatches}, {"dawdle", (*victim).dawdle},
			{"hold", (*victim).hold}, {"close", (*victim).close}, leave}},
		{"first", []phase{join, {"advertise", (*victim).advertise}, {"subscribe", (*victim).subscribe}, {"close", (*victim).close}, leave}},
		{"cleaner", []phase{join, leave, {"remove", (*victim).remove}}},
		{"burier", []phase{join, {"bury", (*victim).bury}, leave}},
	}
}

// victim is a process that lives a life until it is struck.
type victim struct {
	*watchman
	ctx      context.Context
	patience time.Duration // of lossless subscriptions

	p    *topic.Participant
	pub  *topic.Publisher[[]byte]
	subs []*topic.Subscriber[[]byte]
	seq  uint64
	last map[topic.PublisherID]uint64
	kept []topic.Sample[[]byte]
}

func victimRole(args []string) error {
	f := flag.NewFlagSet("victim", flag.ContinueOnError)
	name := f.String("life", "", "")
	file := f.String("trace", "", "")
	var s strike
	f.StringVar(&s.step, "step", "", "")
	f.IntVar(&s.pass, "pass", 0, "")
	stop := f.Bool("stop", false, "")
	patience := f.Duration("patience", 0, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	if s.sig = syscall.SIGKILL; *stop {
		s.sig = syscall.SIGSTOP
	}
	w, err := keepWatch(s, *file)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	v := &victim{watchman: w, ctx: ctx, patience: *patience, last: map[topic.PublisherID]uint64{}}
	for _, l := range lives() {
		if l.name != *name {
			continue
		}
		for i, p := range l.phases {
			w.phase(i)
			if err := p.do(v); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return w.reached()
}

func (v *victim) join() (err error) {
	v.p, err = topic.Join(nil)
	return err
}

func (v *victim) leave() error { return v.p.Close() }

// stamp is what a payload of n bytes tells in every word: its sequence and its length.
func stamp(seq uint64, n int) uint64 { return seq ^ uint64(n)<<40 }

func (v *victim) advertise() (err error) {
	v.pub, err = topic.NewPublisher(v.p, "load", &topic.PublisherOptions[[]byte]{
		Codec: serde.Opaque(serde.Type{Name: "octets", Encoding: "octets", SchemaEncoding: "text", Schema: bytes.Repeat([]byte("eight "), 500)}),
		// Room for two sorts of small slots and seven large ones, or for eight large ones and one sort of small slots.
		MemoryLimit: 640_000,
	})
	v.count(true)
	return err
}

// payload is the one that has the next sequence.
func (v *victim) payload(n int) []byte {
	v.seq++
	b := make([]byte, n)
	fill(b, stamp(v.seq, n))
	return b
}

func (v *victim) publish(n int) error {
	b := v.payload(n)
	for {
		_, err := v.pub.Publish(v.ctx, b)
		if !errors.As(err, new(*shmtransport.NoSpaceError)) {
			return err
		}
		time.Sleep(100 * time.Microsecond) // readers hold everything, and let go
	}
}

func (v *victim) small() error {
	for i := range 60 {
		if err := v.publish(8 + i%97); err != nil {
			return err
		}
	}
	return nil
}

func (v *victim) slots() error {
	for i := range 40 {
		if err := v.publish(449 + i*12); err != nil {
			return err
		}
	}
	for i := range 40 {
		if err := v.publish(1800 + i); err != nil {
			return err
		}
	}
	return nil
}

func (v *victim) batches() error {
	for i := range 6 {
		var all [][]byte
		for k := range 12 {
			n := 8 + k*7
			if i%2 == 1 && k%3 == 0 {
				n = 500 + k
			}
			all = append(all, v.payload(n))
		}
		if _, err := v.pub.PublishBatch(v.ctx, all); err != nil {
			return err
		}
	}
	return nil
}

func (v *victim) loans() error {
	for i := range 20 {
		n := 600 + i
		if i%4 == 3 {
			n = 50 // it turns out small
		}
		loan, err := v.pub.Loan(v.ctx, 700)
		if err != nil {
			return err
		}
		if i%5 == 4 {
			loan.Abandon()
			continue
		}
		v.seq++
		fill(loan.Bytes()[:n], stamp(v.seq, n))
		if _, err := loan.Commit(v.ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// atTheLimit publishes large samples until memory of smaller slots is given back for them, and then small ones.
func (v *victim) atTheLimit() error {
	for i := range 60 {
		if err := v.publish(70_000 + i); err != nil {
			return err
		}
	}
	for i := range 40 {
		if err := v.publish(900 + i); err != nil {
			return err
		}
	}
	return nil
}

// visited has somebody subscribe and go again.
func (v *victim) visited() error {
	guest, err := topic.Join(&topic.Options{Unit: "guest"})
	if err != nil {
		return err
	}
	sub, err := topic.NewSubscriber[[]byte](guest, "load", nil)
	if err != nil {
		return err
	}
	if err := v.publish(20); err != nil {
		return err
	}
	dismissed := v.passed("dismiss.generation")
	if err := errors.Join(sub.Close(), guest.Close()); err != nil {
		return err
	}
	for v.passed("dismiss.generation") == dismissed { // other victims come and go too, so that counting who is there would not do
		if err := v.pause(); err != nil {
			return err
		}
	}
	return v.publish(30)
}

// pause is for what comes without a call that waits for it.
func (v *victim) pause() error {
	time.Sleep(time.Millisecond)
	return v.ctx.Err()
}

// slowed publishes to somebody lossless who is slow.
func (v *victim) slowed() error {
	v.count(false)
	slow, err := topic.NewPublisher(v.p, "slow", &topic.PublisherOptions[[]byte]{Depth: 4})
	if err != nil {
		return err
	}
	for i := range 24 {
		b := make([]byte, 8+i)
		fill(b, stamp(uint64(i+1), len(b)))
		if _, err := slow.Publish(v.ctx, b); err != nil {
			return err
		}
	}
	return slow.Close()
}

// crowd has more subscribe than there are places for.
func (v *victim) crowd() error {
	pub, err := topic.NewPublisher[[]byte](v.p, "crowd", nil)
	if err != nil {
		return err
	}
	guests, err := topic.Join(&topic.Options{Unit: "guests"})
	if err != nil {
		return err
	}
	for range shmtransport.MaxReaders {
		sub, err := topic.NewSubscriber[[]byte](guests, "crowd", nil)
		if err != nil {
			return err
		}
		v.subs = append(v.subs, sub)
	}
	if _, err := topic.NewSubscriber[[]byte](guests, "crowd", nil); !errors.As(err, new(*shmtransport.LimitError)) {
		return fmt.Errorf("one too many got %v", err)
	}
	if n, err := pub.Publish(v.ctx, []byte("all")); n != shmtransport.MaxReaders || err != nil {
		return fmt.Errorf("it reached %d: %v", n, err)
	}
	if err := errors.Join(v.subs[0].Close(), v.subs[1].Close()); err != nil {
		return err
	}
	for pub.Subscribers() > shmtransport.MaxReaders-2 {
		if err := v.pause(); err != nil {
			return err
		}
	}
	return errors.Join(guests.Close(), pub.Close())
}

func (v *victim) subscribe() error { return v.sub(&topic.SubscriberOptions[[]byte]{}) }
func (v *victim) subscribeLossless() error {
	return v.sub(&topic.SubscriberOptions[[]byte]{Lossless: true, LosslessTimeout: v.patience})
}

func (v *victim) sub(opts *topic.SubscriberOptions[[]byte]) error {
	s, err := topic.NewSubscriber(v.p, "load", opts)
	v.subs = append(v.subs, s)
	return err
}

// got checks a sample and keeps it; of those it keeps the oldest goes when there are more than a few.
func (v *victim) got(s topic.Sample[[]byte], keep int) error {
	if err := check(s.Bytes(), stamp(s.Sequence(), len(s.Bytes()))); err != nil {
		return err
	}
	if was := v.last[s.Publisher()]; was != 0 && s.Sequence() != was+1+s.Lost() {
		return fmt.Errorf("sequence %d after %d with %d lost", s.Sequence(), was, s.Lost())
	}
	v.last[s.Publisher()] = s.Sequence()
	v.kept = append(v.kept, s)
	for len(v.kept) > keep {
		old := v.kept[0]
		if err := check(old.Bytes(), stamp(old.Sequence(), len(old.Bytes()))); err != nil {
			return fmt.Errorf("while held: %w", err)
		}
		old.Release()
		v.kept = v.kept[1:]
	}
	return nil
}

func (v *victim) take() error {
	for range 100 {
		s, err := v.subs[0].Receive(v.ctx)
		if err != nil {
			return err
		}
		if err := v.got(s, 6); err != nil {
			return err
		}
	}
	return nil
}

func (v *victim) takeBatches() error {
	buf := make([]topic.Sample[[]byte], 10)
	for n := 0; n < 100; {
		k, err := v.subs[0].ReceiveBatch(v.ctx, buf)
		if err != nil {
			return err
		}
		for _, s := range buf[:k] {
			if err := v.got(s, 6); err != nil {
				return err
			}
		}
		n += k
	}
	return nil
}

// latest asks for the newest sample on a subscription of its own.
func (v *victim) latest() error {
	s, err := topic.NewSubscriber[[]byte](v.p, "load", nil)
	if err != nil {
		return err
	}
	newest := map[topic.PublisherID]uint64{}
	for n := 0; n < 40; {
		m, ok := s.Latest()
		if !ok {
			if err := v.pause(); err != nil {
				return err
			}
			continue
		}
		n++
		if err := check(m.Bytes(), stamp(m.Sequence(), len(m.Bytes()))); err != nil {
			return err
		}
		// What was taken back is not there any more, so what is the newest may have been so before.
		if m.Sequence()+depth < newest[m.Publisher()] {
			return fmt.Errorf("the newest was %d and is %d", newest[m.Publisher()], m.Sequence())
		}
		newest[m.Publisher()] = m.Sequence()
		m.Release()
		time.Sleep(50 * time.Microsecond)
	}
	return s.Close()
}

// lag lets the publisher get ahead, so that samples are lost.
func (v *victim) lag() error {
	for lost := 0; lost < 3; {
		time.Sleep(5 * time.Millisecond)
		was := v.subs[0].Stats().Lost
		if err := v.take(); err != nil {
			return err
		}
		if v.subs[0].Stats().Lost > was {
			lost++
		}
		if err := v.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// dawdle makes the publisher wait.
func (v *victim) dawdle() error {
	for range 40 {
		s, err := v.subs[0].Receive(v.ctx)
		if err != nil {
			return err
		}
		if err := v.got(s, 6); err != nil {
			return err
		}
		time.Sleep(500 * time.Microsecond)
	}
	return nil
}

// hold keeps as many samples as it can get.
func (v *victim) hold() error {
	for range 40 {
		s, err := v.subs[0].Receive(v.ctx)
		if err != nil {
			return err
		}
		if err := v.got(s, 30); err != nil {
			return err
		}
	}
	return nil
}

func (v *victim) close() error {
	var errs []error
	for _, s := range v.subs {
		errs = append(errs, s.Close())
	}
	for _, s := range v.kept { // they outlive their subscriber
		errs = append(errs, check(s.Bytes(), stamp(s.Sequence(), len(s.Bytes()))))
		s.Release()
	}
	if v.pub != nil {
		errs = append(errs, v.pub.Close())
	}
	return errors.Join(errs...)
}

// remove removes the domain that it was the last to leave, unless others came meanwhile.
func (v *victim) remove() error {
	if err := registry.RemoveDomain(v.p.Dir()); !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return nil
}

// bury says that it is there and that it saw somebody come, whom the parent kills then, and waits until nothing of that one is
// left.
func (v *victim) bury() error {
	for _, await := range []struct {
		word   string
		others bool
	}{{"ready", true}, {"seen", false}} {
		if err := report(await.word); err != nil {
			return err
		}
		for {
			files, err := filepath.Glob(filepath.Join(v.p.Dir(), "*.*"))
			if err != nil {
				return err
			}
			if (len(files) > 1) == await.others {
				break
			}
			if err := v.pause(); err != nil {
				return err
			}
		}
	}
	return nil
}

func createTrace(path string) error { return os.WriteFile(path, make([]byte, traceSize), 0o600) }
