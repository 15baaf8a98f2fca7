//go:build linux && shmbus_killpoints

package integration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// A witness subscribes to "load" in every way, and checks and counts what it gets.
type witness struct {
	ctx  context.Context
	p    *topic.Participant
	ways []*way

	mu      sync.Mutex // guards what follows, and the ways
	held    []topic.Sample[[]byte]
	holding bool
}

// A way is one subscription of a witness that accounts for every sample.
type way struct {
	name     string
	sub      *topic.Subscriber[[]byte]
	tally    map[topic.PublisherID]*account
	received uint64
	gaps     uint64
	told     uint64 // losses that were reported
}

func witnessRole([]string) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	w := &witness{ctx: context.Background(), p: p, holding: true}
	for _, o := range []struct {
		name, topic string
		lossless    bool
		run         func(*way)
	}{
		{"lossless", "load", true, w.receive}, {"keep-last", "load", false, w.receiveBatches}, {"latest", "load", false, w.latest},
		{"slow", "slow", true, w.dawdle},
	} {
		sub, err := topic.NewSubscriber(p, o.topic, &topic.SubscriberOptions[[]byte]{Lossless: o.lossless})
		if err != nil {
			return err
		}
		x := &way{name: o.name, sub: sub, tally: map[topic.PublisherID]*account{}}
		w.ways = append(w.ways, x)
		go o.run(x)
	}
	if err := serve(w.obey); err != nil {
		return err
	}
	return p.Close()
}

// take checks and counts a sample.
func (w *witness) take(x *way, s topic.Sample[[]byte]) {
	if err := check(s.Bytes(), stamp(s.Sequence(), len(s.Bytes()))); err != nil {
		giveUp(fmt.Errorf("%s, of %v: %w", x.name, s.Publisher(), err))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a := x.tally[s.Publisher()]
	if a == nil {
		a = &account{Subscription: x.name, Publisher: s.Publisher().String()}
		x.tally[s.Publisher()] = a
	}
	if s.Sequence() != a.Last+1+s.Lost() {
		giveUp(fmt.Errorf("%s, of %v: sequence %d after %d with %d lost", x.name, s.Publisher(), s.Sequence(), a.Last, s.Lost()))
	}
	a.Received++
	a.Lost += s.Lost()
	a.Last = s.Sequence()
	x.received++
	x.gaps += s.Lost()
}

// over is whether an error is the end of a witness that was told to leave.
func over(err error) bool {
	if err != nil && !errors.Is(err, os.ErrClosed) {
		giveUp(err)
	}
	return err != nil
}

func (w *witness) receive(x *way) {
	for {
		s, err := x.sub.Receive(w.ctx)
		if over(err) {
			return
		}
		w.take(x, s)
		s.Release()
	}
}

// receiveBatches keeps what it got until the next come. Again and again it takes its time, so that it is behind, and loses some.
func (w *witness) receiveBatches(x *way) {
	buf := make([]topic.Sample[[]byte], 2)
	for i := 0; ; i++ {
		if i%10 == 0 {
			time.Sleep(time.Millisecond)
		}
		n, err := x.sub.ReceiveBatch(w.ctx, buf)
		if over(err) {
			return
		}
		w.letGo()
		for _, s := range buf[:n] {
			w.take(x, s)
			w.keep(s)
		}
	}
}

func (w *witness) keep(s topic.Sample[[]byte]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holding {
		w.held = append(w.held, s)
	} else {
		s.Release()
	}
}

func (w *witness) letGo() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.held {
		if err := check(s.Bytes(), stamp(s.Sequence(), len(s.Bytes()))); err != nil {
			giveUp(fmt.Errorf("while held: %w", err))
		}
		s.Release()
	}
	w.held = w.held[:0]
}

func (w *witness) latest(x *way) {
	newest := map[topic.PublisherID]uint64{}
	for {
		time.Sleep(200 * time.Microsecond)
		s, ok := x.sub.Latest()
		if !ok {
			continue
		}
		if err := check(s.Bytes(), stamp(s.Sequence(), len(s.Bytes()))); err != nil {
			giveUp(fmt.Errorf("%s, of %v: %w", x.name, s.Publisher(), err))
		}
		// What was taken back is not there any more, so what is the newest may have been so before.
		if s.Sequence()+depth < newest[s.Publisher()] {
			giveUp(fmt.Errorf("the newest of %v was %d and is %d", s.Publisher(), newest[s.Publisher()], s.Sequence()))
		}
		newest[s.Publisher()] = s.Sequence()
		s.Release()
	}
}

func (w *witness) dawdle(x *way) {
	for {
		s, err := x.sub.Receive(w.ctx)
		if over(err) {
			return
		}
		w.take(x, s)
		time.Sleep(time.Millisecond)
		s.Release()
	}
}

func (w *witness) obey(words []string) (e evidence, err error) {
	defer func() {
		if err == nil && words[0] != "settle" {
			w.mu.Lock()
			w.holding = true
			w.mu.Unlock()
		}
	}()
	switch words[0] {
	case "advance": // PUBLISHER N: until both that account for it have so many more of it
		want, _ := strconv.ParseUint(words[2], 10, 64)
		var was [2]uint64
		for i := range was {
			was[i] = w.lastOf(w.ways[i], words[1])
		}
		return e, w.until(func() bool {
			return w.lastOf(w.ways[0], words[1]) >= was[0]+want && w.lastOf(w.ways[1], words[1]) >= was[1]+want
		})
	case "settle": // PUBLISHER SEQUENCE N: when that much of it, and N samples of others that are gone, are accounted for
		seq, _ := strconv.ParseUint(words[2], 10, 64)
		others, _ := strconv.ParseUint(words[3], 10, 64)
		w.mu.Lock()
		w.holding = false
		w.mu.Unlock()
		w.letGo()
		err := w.until(func() bool {
			for _, x := range w.ways[:2] {
				if x.sub.Publishers() != 1 || w.lastOf(x, words[1]) != seq || w.others(x, words[1]) < others {
					return false
				}
			}
			return true
		})
		e.Accounts = w.settle(words[1])
		if err != nil {
			return e, fmt.Errorf("%w: %+v", err, e.Accounts)
		}
		return e, nil
	}
	return e, nil
}

func (w *witness) until(done func() bool) error {
	for begin := time.Now(); !done(); time.Sleep(200 * time.Microsecond) {
		if time.Since(begin) > long/2 {
			return errors.New("it does not come to that")
		}
	}
	return nil
}

func (w *witness) lastOf(x *way, publisher string) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range x.tally {
		if a.Publisher == publisher {
			return a.Last
		}
	}
	return 0
}

// others is how many samples of all publishers but one were received or lost since the last settling.
func (w *witness) others(x *way, but string) (n uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range x.tally {
		if a.Publisher != but {
			n += a.Received + a.Lost
		}
	}
	return n + w.tail(x)
}

// tail is what was lost after the last sample of a publisher that is gone: only the figures have it. Called with mu held.
func (w *witness) tail(x *way) uint64 {
	if figures := x.sub.Stats(); figures.Messages == x.received {
		return figures.Lost - x.gaps - x.told
	}
	return 0
}

// settle returns all accounts, and forgets those of publishers that are gone.
func (w *witness) settle(but string) (all []account) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.ways[:2] {
		all = append(all, account{Subscription: x.name, Lost: w.tail(x)})
		x.told += w.tail(x)
		for id, a := range maps.Clone(x.tally) {
			all = append(all, *a)
			if a.Publisher != but {
				delete(x.tally, id)
			}
		}
	}
	slices.SortFunc(all, func(a, b account) int { return cmp.Compare(a.Subscription, b.Subscription) })
	return all
}
