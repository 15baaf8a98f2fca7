//go:build linux

package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// agentReply is a child's reply to each command of agentRole.
type agentReply struct {
	Err        string // "" when it went well, "space", "files", "closed", "late", or the text
	Received   uint64
	Lost       uint64
	Topics     int
	Took       time.Duration
	At         int64 // ns of CLOCK_MONOTONIC: of what was waited for, or when the command began
	FDs, Maps  int
	Goroutines int
	Threads    int
	HeapKiB    uint64
	Objects    uint64 // on the heap
	RSSKiB     uint64
	Each       []uint64 // samples that visitors published, by topic
}

// waitLimit is how long a child waits for an expected event. No passing test comes near this limit.
const waitLimit = time.Minute

// agentRole executes the commands on its standard input, one a line, and reports a reply for each.
func agentRole([]string) error {
	o := newAgent()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		begin := time.Now()
		a := agentReply{At: monotonic()}
		a.Err = classifyError(o.execute(words, &a))
		a.Took = time.Since(begin)
		if err := report(a); err != nil {
			return err
		}
	}
	if o.p != nil {
		return o.p.Close()
	}
	return nil
}

// classifyError returns one word for the errors whose type tests compare, and the text of others.
func classifyError(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.As(err, new(*shmtransport.NoSpaceError)), errors.Is(err, syscall.ENOSPC), strings.Contains(err.Error(), "no space at"):
		return "space"
	case errors.Is(err, syscall.EMFILE):
		return "files"
	case errors.Is(err, os.ErrClosed):
		return "closed"
	case errors.Is(err, context.DeadlineExceeded):
		return "late"
	}
	return err.Error()
}

type agent struct {
	p    *topic.Participant
	pubs map[string]*topic.Publisher[[]byte]
	subs map[string]*topic.Subscriber[[]byte]

	mu      sync.Mutex
	events  map[string][]int64 // when events came, by kind and by kind and topic
	others  int                // participants that joined and neither left nor died yet
	changed chan struct{}

	flows   map[string]*flow          // by the publisher's name
	readers map[string]*checkedReader // by the subscriber's name
}

func newAgent() *agent {
	return &agent{
		pubs: map[string]*topic.Publisher[[]byte]{}, subs: map[string]*topic.Subscriber[[]byte]{},
		events: map[string][]int64{}, changed: make(chan struct{}, 1),
		flows: map[string]*flow{}, readers: map[string]*checkedReader{},
	}
}

func (o *agent) execute(words []string, a *agentReply) error {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
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
	case "join":
		p, err := topic.Join(nil)
		if err == nil {
			o.p = p
			go o.readEvents(p)
		}
		return err
	case "leave":
		p := o.p
		o.p = nil
		return p.Close()
	case "pub": // NAME TOPIC [SIZE]
		pub, err := topic.NewPublisher(ctx, o.p, word(2), &topic.PublisherOptions[[]byte]{InitialSampleSize: number(3)})
		if err == nil {
			o.pubs[name] = pub
		}
		return err
	case "pubs": // NAME N: many topics, one sample on each
		for i := range number(2) {
			pub, err := topic.NewPublisher[[]byte](ctx, o.p, fmt.Sprintf("%s/%d", name, i), nil)
			if err != nil {
				return err
			}
			o.pubs[fmt.Sprintf("%s/%d", name, i)] = pub
		}
		return nil
	case "sendall": // NAME N
		for i := range number(2) {
			if _, err := o.pubs[fmt.Sprintf("%s/%d", name, i)].Publish(ctx, []byte("x")); err != nil {
				return err
			}
		}
		return nil
	case "sub": // NAME PATTERN [lossless [TIMEOUT]]
		timeout, _ := time.ParseDuration(word(4))
		sub, err := topic.NewSubscriber(ctx, o.p, word(2), &topic.SubscriberOptions[[]byte]{Lossless: word(3) == "lossless", LosslessTimeout: timeout})
		if err == nil {
			o.subs[name] = sub
		}
		return err
	case "closeany": // NAME, if there is one
		if o.pubs[name] == nil && o.subs[name] == nil {
			return nil
		}
		fallthrough
	case "close": // NAME
		if pub := o.pubs[name]; pub != nil {
			delete(o.pubs, name)
			return pub.Close()
		}
		sub := o.subs[name]
		delete(o.subs, name)
		return sub.Close()
	case "peers": // NAME N
		if pub := o.pubs[name]; pub != nil {
			return pub.WaitSubscribers(ctx, number(2))
		}
		return o.subs[name].WaitPublishers(ctx, number(2))
	case "count": // NAME: peers now
		a.Received = uint64(o.pubs[name].Subscribers())
		return nil
	case "send": // NAME N SIZE
		b := make([]byte, number(3))
		for range number(2) {
			if _, err := o.pubs[name].Publish(ctx, b); err != nil {
				return err
			}
			a.Received++
		}
		return nil
	case "take": // NAME N: until so many are received or lost
		topics := map[string]bool{}
		for a.Received+a.Lost < uint64(number(2)) {
			s, err := o.subs[name].Receive(ctx)
			if err != nil {
				return err
			}
			a.Received++
			a.Lost += s.Lost()
			topics[s.Topic()] = true
			a.Topics = len(topics)
			s.Release()
		}
		a.At = monotonic()
		return nil
	case "stats": // NAME
		figures := o.subs[name].Stats()
		a.Received, a.Lost = figures.Messages, figures.Lost
		return nil
	case "churnpub": // TOPIC N
		for range number(2) {
			pub, err := topic.NewPublisher[[]byte](ctx, o.p, name, nil)
			if err != nil {
				return err
			}
			if _, err := pub.Publish(ctx, []byte("x")); err != nil {
				return err
			}
			if err := pub.Close(); err != nil {
				return err
			}
		}
		return nil
	case "churnsub": // PATTERN N
		for range number(2) {
			sub, err := topic.NewSubscriber[[]byte](ctx, o.p, name, nil)
			if err != nil {
				return err
			}
			if err := sub.Close(); err != nil {
				return err
			}
		}
		return nil
	case "heard": // KIND[:TOPIC] N
		for {
			o.mu.Lock()
			at := o.events[name]
			o.mu.Unlock()
			if len(at) >= number(2) {
				if a.Received = uint64(len(at)); number(2) > 0 {
					a.At = at[number(2)-1]
				}
				return nil
			}
			select {
			case <-o.changed:
			case <-ctx.Done():
				return fmt.Errorf("%s was heard %d times, and all that was heard is %v: %w", name, len(at), o.events, ctx.Err())
			}
		}
	case "files": // N: the most descriptors from now on, beyond those in use
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			return err
		}
		limit.Cur = 1 << 10
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil { // or they cannot be counted
			return err
		}
		fds, err := os.ReadDir("/proc/self/fd")
		limit.Cur = uint64(len(fds) - 1 + number(1))
		return errors.Join(err, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	case "figures":
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fds, _ := os.ReadDir("/proc/self/fd")
		maps, _ := os.ReadFile("/proc/self/maps")
		a.FDs, a.Maps, a.Goroutines = len(fds), strings.Count(string(maps), "/shmbus-test-"), runtime.NumGoroutine()
		a.HeapKiB, a.Objects = m.HeapAlloc>>10, m.HeapObjects
		threads, _ := os.ReadDir("/proc/self/task")
		a.Threads = len(threads)
		return nil
	}
	return o.executeStress(ctx, words, a)
}

func (o *agent) readEvents(p *topic.Participant) {
	c := clock.New()
	for e := range p.Events(context.Background()) {
		now := c.Now()
		o.mu.Lock()
		keys := []string{e.Kind.String(), e.Kind.String() + ":" + e.Endpoint.Topic}
		if e.Kind == topic.Added && e.Endpoint.Kind == registry.KindPublisher {
			keys = append(keys, "publisher")
		}
		for _, k := range keys {
			o.events[k] = append(o.events[k], now)
		}
		switch e.Kind {
		case topic.Joined:
			o.others++
		case topic.Left, topic.Died:
			o.others--
		}
		o.mu.Unlock()
		select {
		case o.changed <- struct{}{}:
		default:
		}
	}
}
