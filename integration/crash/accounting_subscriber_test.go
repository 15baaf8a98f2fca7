//go:build linux && shmbus_failpoints

package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// An accountingSubscriber subscribes to "load" in every way, and checks and counts what it gets.
type accountingSubscriber struct {
	ctx           context.Context
	p             *topic.Participant
	subscriptions []*accountedSubscription

	mu      sync.Mutex // guards what follows, and the ways
	held    []topic.Sample[[]byte]
	holding bool
}

// An accountedSubscription is one subscription of the accounting subscriber that accounts for every sample.
type accountedSubscription struct {
	name     string
	sub      *topic.Subscriber[[]byte]
	accounts map[topic.PublisherID]*account
	received uint64
	gaps     uint64
	reported uint64 // losses that were reported
}

// accounting is the request of a process with the accounting subscriber.
type accounting struct{}

func runAccounting(ctx context.Context, parent *subproc.Parent, _ accounting) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	w := &accountingSubscriber{ctx: context.Background(), p: p, holding: true}
	for _, o := range []struct {
		name, topic string
		lossless    bool
		run         func(*accountedSubscription)
	}{
		{"lossless", "load", true, w.receive}, {"keep-last", "load", false, w.receiveBatches}, {"latest", "load", false, w.latest},
		{"slow", "slow", true, w.receiveSlowly},
	} {
		sub, err := topic.NewSubscriber(ctx, p, o.topic, &topic.SubscriberOptions[[]byte]{Lossless: o.lossless})
		if err != nil {
			return err
		}
		x := &accountedSubscription{name: o.name, sub: sub, accounts: map[topic.PublisherID]*account{}}
		w.subscriptions = append(w.subscriptions, x)
		go o.run(x)
	}
	err = harness.Serve(ctx, parent, w, []harness.Handler[*accountingSubscriber]{
		harness.On(advance{}), harness.On(countReceived{}), harness.On(subscriberResources{}), harness.On(settle{}),
	})
	if err != nil {
		return err
	}
	return p.Close()
}

// take checks and counts a sample.
func (w *accountingSubscriber) take(x *accountedSubscription, s topic.Sample[[]byte]) {
	if err := harness.Check(s.Bytes(), stamp(s.Sequence(), len(s.Bytes()))); err != nil {
		harness.Exit(fmt.Errorf("%s, of %v: %w", x.name, s.Publisher(), err))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a := x.accounts[s.Publisher()]
	if a == nil {
		a = &account{Subscription: x.name, Publisher: s.Publisher().String()}
		x.accounts[s.Publisher()] = a
	}
	if s.Sequence() != a.Last+1+s.Lost() {
		harness.Exit(fmt.Errorf("%s, of %v: sequence %d after %d with %d lost", x.name, s.Publisher(), s.Sequence(), a.Last, s.Lost()))
	}
	a.Received++
	a.Lost += s.Lost()
	a.Last = s.Sequence()
	x.received++
	x.gaps += s.Lost()
}

// isClosed reports whether an error says that the subscriber was closed. Any other error ends the process.
func isClosed(err error) bool {
	if err != nil && !errors.Is(err, os.ErrClosed) {
		harness.Exit(err)
	}
	return err != nil
}

func (w *accountingSubscriber) receive(x *accountedSubscription) {
	for {
		s, err := x.sub.Receive(w.ctx)
		if isClosed(err) {
			return
		}
		w.take(x, s)
		s.Release()
	}
}

// receiveBatches keeps what it got until the next come. Again and again it takes its time, so that it is behind, and loses some.
func (w *accountingSubscriber) receiveBatches(x *accountedSubscription) {
	buf := make([]topic.Sample[[]byte], 2)
	for i := 0; ; i++ {
		if i%10 == 0 {
			time.Sleep(time.Millisecond)
		}
		n, err := x.sub.ReceiveBatch(w.ctx, buf)
		if isClosed(err) {
			return
		}
		w.releaseHeld()
		for _, s := range buf[:n] {
			w.take(x, s)
			w.keep(s)
		}
	}
}

func (w *accountingSubscriber) keep(s topic.Sample[[]byte]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holding {
		w.held = append(w.held, s)
	} else {
		s.Release()
	}
}

func (w *accountingSubscriber) releaseHeld() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.held {
		if err := harness.Check(s.Bytes(), stamp(s.Sequence(), len(s.Bytes()))); err != nil {
			harness.Exit(fmt.Errorf("while held: %w", err))
		}
		s.Release()
	}
	w.held = w.held[:0]
}

func (w *accountingSubscriber) latest(x *accountedSubscription) {
	newest := map[topic.PublisherID]uint64{}
	for {
		time.Sleep(200 * time.Microsecond)
		s, ok, err := x.sub.Latest()
		if errors.Is(err, os.ErrClosed) {
			return // the participant left
		}
		if err != nil {
			harness.Exit(err)
		}
		if !ok {
			continue
		}
		if err := harness.Check(s.Bytes(), stamp(s.Sequence(), len(s.Bytes()))); err != nil {
			harness.Exit(fmt.Errorf("%s, of %v: %w", x.name, s.Publisher(), err))
		}
		// What was taken back is not there any more, so what is the newest may have been so before.
		if s.Sequence()+depth < newest[s.Publisher()] {
			harness.Exit(fmt.Errorf("the newest of %v was %d and is %d", s.Publisher(), newest[s.Publisher()], s.Sequence()))
		}
		newest[s.Publisher()] = s.Sequence()
		s.Release()
	}
}

func (w *accountingSubscriber) receiveSlowly(x *accountedSubscription) {
	for {
		s, err := x.sub.Receive(w.ctx)
		if isClosed(err) {
			return
		}
		w.take(x, s)
		time.Sleep(time.Millisecond)
		s.Release()
	}
}
