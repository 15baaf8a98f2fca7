//go:build linux

package integration

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// flow is a goroutine that publishes until the command "ebb".
type flow struct {
	stop context.CancelFunc
	done chan struct{}
	sent uint64 // once done
	err  error  // once done
}

// checkedReader is a subscriber that receives by itself and checks everything.
type checkedReader struct {
	mu       sync.Mutex
	received uint64
	lost     uint64
	err      error
	changed  chan struct{} // holds one token
}

// flowSizes are the payloads of a flow, in turn: in the ring entry, in a slot, in a larger one.
var flowSizes = [...]int{64, 1000, 5000}

// visitorSamples is how many samples a visitor publishes.
const visitorSamples = 3

// flowTopic and visitorTopic name the topics of the permanent processes and of the visitors.
func flowTopic(i int) string    { return fmt.Sprintf("flow/%d", i) }
func visitorTopic(i int) string { return fmt.Sprintf("gust/%d", i) }

// executeStress executes the agent's commands of the stress tests.
func (o *agent) executeStress(ctx context.Context, words []string, a *agentReply) error {
	word := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(word(i))
		return n
	}
	name := word(1)
	switch words[0] {
	case "flow": // NAME PAUSE
		pause, err := time.ParseDuration(word(2))
		if err != nil {
			return err
		}
		o.flows[name] = startFlow(o.pubs[name], pause)
		return nil
	case "ebb": // NAME: how many it were
		f := o.flows[name]
		delete(o.flows, name)
		f.stop()
		<-f.done
		a.Received = f.sent
		return f.err
	case "watch": // NAME
		w := &checkedReader{changed: make(chan struct{}, 1)}
		o.readers[name] = w
		go w.run(o.subs[name])
		return nil
	case "watched": // NAME N: when so many were received or lost
		return o.readers[name].await(ctx, uint64(number(2)), a)
	case "visit": // N I: join, do what visitors do, and leave, so many times
		a.Each = make([]uint64, flowCount)
		for n := range number(1) {
			if err := visit(number(2)+n, a.Each); err != nil {
				return fmt.Errorf("visit %d: %w", n, err)
			}
		}
		return nil
	case "reconnect": // TOPIC N: subscribe, receive, and close, so many times
		for n := range number(2) {
			if err := receiveOnce(o.p, name, n%2 == 1, a); err != nil {
				return fmt.Errorf("connection %d: %w", n, err)
			}
		}
		return nil
	case "fewer": // NAME N: when no more subscriptions than that are connected
		for o.pubs[name].Subscribers() > number(2) {
			select {
			case <-time.After(time.Millisecond): // no event tells
			case <-ctx.Done():
				return fmt.Errorf("%d subscriptions are connected, not %d", o.pubs[name].Subscribers(), number(2))
			}
		}
		return nil
	case "others": // N: when so many participants are left, all in all
		for {
			o.mu.Lock()
			n := o.others
			o.mu.Unlock()
			if n == number(1) {
				return nil
			}
			select {
			case <-o.changed:
			case <-ctx.Done():
				return fmt.Errorf("there are %d participants, not %d", n, number(1))
			}
		}
	case "forget": // what was heard, which would count as growth
		o.mu.Lock()
		clear(o.events)
		o.mu.Unlock()
		return nil
	case "resident": // memory of the process without what the runtime could give back
		debug.FreeOSMemory()
		kib, err := resident()
		a.RSSKiB = kib
		return err
	}
	return fmt.Errorf("told to %q", words)
}

// resident adds up what is in memory of everything that is mapped, but for the program itself, of which more comes in the longer it
// runs. The count in /proc/self/status is not exact.
func resident() (kib uint64, _ error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	b, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return 0, err
	}
	program := false
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		switch {
		case strings.Contains(f[0], "-"): // the range of addresses
			program = len(f) > 5 && f[5] == self
		case f[0] == "Rss:" && !program:
			n, err := strconv.ParseUint(f[1], 10, 64)
			if err != nil {
				return 0, err
			}
			kib += n
		}
	}
	return kib, nil
}

func startFlow(pub *topic.Publisher[[]byte], pause time.Duration) *flow {
	ctx, stop := context.WithCancel(context.Background())
	f := &flow{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		tick := time.NewTicker(pause)
		defer tick.Stop()
		b := make([]byte, flowSizes[len(flowSizes)-1])
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			seq := f.sent + 1
			n := flowSizes[seq%uint64(len(flowSizes))]
			fill(b[:n], seq)
			if _, err := pub.Publish(context.Background(), b[:n]); err != nil {
				f.err = fmt.Errorf("publish %d: %w", seq, err)
				return
			}
			f.sent++
		}
	}()
	return f
}

func (w *checkedReader) run(sub *topic.Subscriber[[]byte]) {
	last := map[topic.PublisherID]uint64{}
	for {
		s, err := sub.Receive(context.Background())
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err == nil {
			err = check(s.Bytes(), s.Sequence())
		}
		if want := last[s.Publisher()] + 1 + s.Lost(); err == nil && s.Sequence() != want {
			err = fmt.Errorf("on %s came %d, not %d", s.Topic(), s.Sequence(), want)
		}
		w.mu.Lock()
		w.received++
		w.lost += s.Lost()
		w.err = errors.Join(w.err, err)
		w.mu.Unlock()
		select {
		case w.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
		last[s.Publisher()] = s.Sequence()
		if s.Sequence() == visitorSamples && strings.HasPrefix(s.Topic(), "gust/") {
			delete(last, s.Publisher()) // that was all
		}
		s.Release()
	}
}

func (w *checkedReader) await(ctx context.Context, n uint64, a *agentReply) error {
	for {
		w.mu.Lock()
		a.Received, a.Lost = w.received, w.lost
		err := w.err
		w.mu.Unlock()
		if err != nil || a.Received+a.Lost >= n {
			return err
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
			return fmt.Errorf("%d received and %d lost of %d: %w", a.Received, a.Lost, n, ctx.Err())
		}
	}
}

// visit joins as a participant of its own, and leaves. What it does in between depends on i: it looks at a flow, as one that
// may lose or as one that is waited for, or it publishes. What it published it adds to each.
func visit(i int, each []uint64) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	at := i / 3 % flowCount
	if i%3 != 0 {
		return receiveOnce(p, flowTopic(at), i%3 == 1, new(agentReply))
	}
	pub, err := topic.NewPublisher[[]byte](ctx, p, visitorTopic(at), nil)
	if err != nil {
		return err
	}
	if err := pub.WaitSubscribers(ctx, 1); err != nil {
		return err
	}
	b := make([]byte, flowSizes[1])
	for seq := uint64(1); seq <= visitorSamples; seq++ {
		fill(b, seq)
		if _, err := pub.Publish(ctx, b); err != nil {
			return err
		}
		each[at]++
	}
	if i%2 == 0 {
		return nil // leaving closes it
	}
	return pub.Close()
}

// receiveOnce subscribes to a flow, checks a few samples, and closes.
func receiveOnce(p *topic.Participant, name string, lossless bool, a *agentReply) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	sub, err := topic.NewSubscriber(ctx, p, name, &topic.SubscriberOptions[[]byte]{Lossless: lossless})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sub.Close()) }()
	last := uint64(0)
	for range 3 {
		s, err := sub.Receive(ctx)
		if err != nil {
			return err
		}
		if err := check(s.Bytes(), s.Sequence()); err != nil {
			return err
		}
		if want := last + 1 + s.Lost(); last != 0 && s.Sequence() != want || lossless && s.Lost() != 0 {
			return fmt.Errorf("on %s came %d after %d, with %d lost", name, s.Sequence(), last, s.Lost())
		}
		a.Received++
		a.Lost += s.Lost()
		last = s.Sequence()
		s.Release()
	}
	return nil
}
