package topic

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// listen collects a participant's events until the test ends.
func listen(t testing.TB, p *Participant) *hearing {
	t.Helper()
	h := &hearing{t: t, more: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for e := range p.Events(ctx) {
			h.mu.Lock()
			h.events = append(h.events, e)
			h.mu.Unlock()
			select {
			case h.more <- struct{}{}:
			default:
			}
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
	h.until("the participant itself", func(e Event) bool { return e.Kind == Joined && e.Participant.ID == p.ID() })
	return h
}

type hearing struct {
	t      testing.TB
	mu     sync.Mutex
	events []Event
	more   chan struct{}
}

func (h *hearing) count(match func(Event) bool) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if match(e) {
			n++
		}
	}
	return n
}

// until waits for an event.
func (h *hearing) until(what string, match func(Event) bool) {
	h.t.Helper()
	deadline := time.After(long)
	for h.count(match) == 0 {
		select {
		case <-h.more:
		case <-deadline:
			h.t.Fatalf("%s was not heard", what)
		}
	}
}

func isMismatch(e Event) bool {
	return e.Kind == TypeMismatch && errors.As(e.Err, new(*TypeMismatchError))
}

func TestEvents_TypeMismatchOnceOnBothSides(t *testing.T) {
	for _, first := range []string{"publisher", "subscriber"} {
		t.Run(first, func(t *testing.T) {
			o := domain(t)
			a, b := join(t, o), join(t, o)
			ofPub, ofSub := listen(t, a), listen(t, b)
			if first == "publisher" {
				// With one that suits, a subscriber is not refused because of one that does not.
				publisher[string](t, a, "x", nil)
				publisher[pose](t, a, "x", nil)
				subscriber[string](t, b, "x", nil)
			} else {
				subscriber[string](t, b, "x", nil)
				publisher[pose](t, a, "x", nil)
			}
			ofPub.until("the mismatch, by the publisher's side,", isMismatch)
			ofSub.until("the mismatch, by the subscriber's side,", isMismatch)
			publisher[string](t, a, "y", nil) // more for both to think about
			subscriber[string](t, b, "y", nil)
			for side, h := range map[string]*hearing{"publisher": ofPub, "subscriber": ofSub} {
				if n := h.count(isMismatch); n != 1 {
					t.Errorf("the %s's side heard of it %d times", side, n)
				}
			}
			for _, p := range []*Participant{a, b} {
				listen(t, p).until("the mismatch, by a later listener,", isMismatch)
			}
		})
	}
}

func TestFilter_CalledOncePerPublisherOfTheType(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	h := listen(t, b)
	asked := map[string]int{}
	publisher[string](t, a, "robot/a", nil)
	publisher[pose](t, a, "robot/pose", nil)
	sub := subscriber(t, b, "robot/**", &SubscriberOptions[string]{Filter: func(name string) bool {
		asked[name]++
		return !strings.HasSuffix(name, "pose")
	}})
	pub := publisher[string](t, a, "robot/b", nil)
	publisher[pose](t, a, "robot/other/pose", nil)
	send(t, pub, "x")
	want(t, sub, "x")
	if n := sub.Publishers(); n != 2 {
		t.Errorf("%d publishers connected, want the two that it likes", n)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range []string{"robot/a", "robot/b", "robot/pose", "robot/other/pose"} {
		if asked[name] != 1 {
			t.Errorf("asked %d times about %s", asked[name], name)
		}
	}
	if n := h.count(isMismatch); n != 0 {
		t.Errorf("%d mismatches with publishers that it did not want", n)
	}
}

func TestParticipant_ForgetsEndpointsThatAreGone(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher[string](t, a, "x", nil)
	other := publisher[pose](t, a, "x", nil)
	for range 20 {
		subscriber[string](t, b, "x", nil).Close()
	}
	stays := subscriber[string](t, b, "x", nil)
	for range 20 {
		publisher[string](t, a, "x", nil).Close()
		publisher[pose](t, a, "x", nil).Close()
	}
	if err := a.reg.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := b.reg.Sync(); err != nil {
		t.Fatal(err)
	}
	for side, p := range map[string]*Participant{"publishing": a, "subscribing": b} {
		p.mu.Lock()
		if len(p.mismatches) > 1 {
			t.Errorf("the %s side remembers %d mismatches", side, len(p.mismatches))
		}
		if len(p.endpoints) != 3 {
			t.Errorf("the %s side remembers %d endpoints", side, len(p.endpoints))
		}
		p.mu.Unlock()
	}
	a.mu.Lock()
	for _, core := range []*publisherCore{pub.core, other.core} {
		if len(core.answered) > 1 {
			t.Errorf("a publisher remembers %d answers", len(core.answered))
		}
	}
	a.mu.Unlock()
	if n := pub.Subscribers(); n != 1 {
		t.Errorf("%d subscribers", n)
	}
	stays.core.mu.Lock()
	if n := len(stays.core.known); n != 2 {
		t.Errorf("the subscription remembers %d publishers", n)
	}
	stays.core.mu.Unlock()
}

func TestParticipant_ConnectedEndpointsOutliveTheirFiles(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher(t, a, "x", &PublisherOptions[[]byte]{Depth: 1})
	sub := subscriber[[]byte](t, b, "x", nil)
	h := listen(t, a)
	send(t, pub, []byte("precious"))
	s, err := sub.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// All at once: a process that scans while one file after the other is removed makes the registry file anew.
	if err := errors.Join(os.Rename(o.Dir+"/d", o.Dir+"/gone"), os.RemoveAll(o.Dir+"/gone")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Mkdir(o.Dir+"/d", 0o700) }) // or leaving would be an error
	h.until("the loss of the file", func(e Event) bool { return e.Kind == Unavailable && e.Participant.ID == b.ID() })
	for range 100 {
		send(t, pub, []byte("rewrites"))
	}
	if string(s.Bytes()) != "precious" {
		t.Fatalf("a sample that is held became %q", s.Bytes())
	}
	s.Release()
	want(t, sub, []byte("rewrites"))
	if n := h.count(func(e Event) bool { return e.Kind == Died || e.Kind == Removed }); n != 0 {
		t.Errorf("%d were taken for dead or gone", n)
	}
}

func TestPublisher_SubscriptionLimit(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher[string](t, a, "x", nil)
	var subs []*Subscriber[string]
	for range shmtransport.MaxReaders {
		subs = append(subs, subscriber[string](t, b, "x", nil))
	}
	full := func() {
		t.Helper()
		if _, err := NewSubscriber[string](t.Context(), b, "x", nil); !errors.As(err, new(*LimitError)) {
			t.Errorf("one more subscriber: %v", err)
		}
	}
	full()
	for i := range 20 {
		if err := subs[i].Close(); err != nil {
			t.Fatal(err)
		}
		subs[i] = subscriber[string](t, b, "x", nil)
		full()
	}
	if n := pub.Subscribers(); n != shmtransport.MaxReaders {
		t.Errorf("%d subscribers", n)
	}
}

func TestSubscriber_RefusedOneGetsFreedPlace(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	h := listen(t, b)
	got := make(chan *Subscriber[string], 2*shmtransport.MaxReaders)
	for range shmtransport.MaxReaders + 1 {
		sub := subscriber[string](t, b, "x", nil)
		go sub.Handle(t.Context(), func(Sample[string]) { got <- sub })
	}
	pub := publisher[string](t, a, "x", nil)
	h.until("the refusal", func(e Event) bool { return e.Kind == Unavailable && errors.As(e.Err, new(*LimitError)) })
	send(t, pub, "y")
	served := map[*Subscriber[string]]bool{}
	for range shmtransport.MaxReaders {
		served[<-got] = true
	}
	for sub := range served {
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}
		break
	}
	for {
		ctx, cancel := context.WithTimeout(t.Context(), long)
		defer cancel()
		if err := pub.WaitSubscribers(ctx, shmtransport.MaxReaders); err != nil {
			t.Fatal(err)
		}
		send(t, pub, "z")
		for range shmtransport.MaxReaders {
			if sub := <-got; !served[sub] {
				return
			}
		}
	}
}

func TestParticipant_FailedConnectionIsRetried(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher[string](t, a, "x", nil)
	h := listen(t, b)
	path := a.publisherPath(pub.ID())
	if err := errors.Join(os.Rename(path, path+".away"), os.Symlink("nowhere", path)); err != nil {
		t.Fatal(err)
	}
	sub := subscriber[string](t, b, "x", nil)
	isUnavailable := func(e Event) bool { return e.Kind == Unavailable && e.Endpoint.ID == pub.ID() }
	h.until("the failure", isUnavailable)
	b.retryConnections()
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	if err := sub.WaitPublishers(ctx, 1); err != nil {
		t.Fatal(err)
	}
	send(t, pub, "y")
	want(t, sub, "y")
	if n := h.count(isUnavailable); n != 1 {
		t.Errorf("the failure was reported %d times", n)
	}
}

func TestParticipant_ClosedCreatesNothing(t *testing.T) {
	o := domain(t)
	p, err := Join(o)
	if err != nil {
		t.Fatal(err)
	}
	var closers sync.WaitGroup
	for range 4 {
		closers.Go(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			// It is done now, whatever called it.
			if left, _ := os.ReadDir(o.Dir + "/d"); len(left) != 1 {
				t.Errorf("%d files are left after Close", len(left))
			}
		})
	}
	closers.Wait()
	if err := os.RemoveAll(o.Dir + "/d"); err != nil {
		t.Fatal(err)
	}
	if _, err := NewPublisher[string](t.Context(), p, "x", nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("NewPublisher: %v", err)
	}
	if _, err := NewSubscriber[string](t.Context(), p, "x", nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("NewSubscriber: %v", err)
	}
	for e := range p.Events(t.Context()) {
		t.Errorf("an event: %v", e)
	}
}

func TestClose_EndsEveryWait(t *testing.T) {
	for _, what := range []string{"participant", "end"} {
		t.Run(what, func(t *testing.T) {
			o := domain(t)
			p, err := Join(o)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			pub, sub := publisher[string](t, p, "x", nil), subscriber[string](t, p, "y", nil)
			waits := map[string]func() error{
				"WaitSubscribers": func() error { return pub.WaitSubscribers(context.Background(), 1) },
				"WaitPublishers":  func() error { return sub.WaitPublishers(context.Background(), 1) },
				"Receive":         func() error { _, err := sub.Receive(context.Background()); return err },
				"Handle":          func() error { return sub.Handle(context.Background(), func(Sample[string]) {}) },
			}
			if what == "participant" {
				waits["Events"] = func() error {
					for range p.Events(context.Background()) {
					}
					return os.ErrClosed
				}
			}
			var wg sync.WaitGroup
			for name, wait := range waits {
				for range 3 {
					wg.Go(func() {
						if err := wait(); !errors.Is(err, os.ErrClosed) {
							t.Errorf("%s: %v", name, err)
						}
					})
				}
			}
			time.Sleep(5 * time.Millisecond)
			for range 3 {
				wg.Go(func() {
					if what == "participant" {
						p.Close()
						return
					}
					pub.Close()
					sub.Close()
				})
			}
			wg.Wait()
		})
	}
}

func TestContext_DoneEndsEveryWait(t *testing.T) {
	p := join(t, domain(t))
	pub, sub := publisher[string](t, p, "x", nil), subscriber[string](t, p, "y", nil)
	for _, cause := range []string{"canceled before", "canceled meanwhile"} {
		for name, wait := range map[string]func(context.Context) error{
			"WaitSubscribers": func(ctx context.Context) error { return pub.WaitSubscribers(ctx, 1) },
			"WaitPublishers":  func(ctx context.Context) error { return sub.WaitPublishers(ctx, 1) },
			"Receive":         func(ctx context.Context) error { _, err := sub.Receive(ctx); return err },
			"Samples": func(ctx context.Context) (last error) {
				for _, err := range sub.Samples(ctx) {
					last = err
				}
				return last
			},
			"Events": func(ctx context.Context) error {
				for range p.Events(ctx) {
				}
				return ctx.Err()
			},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			if cause == "canceled before" {
				cancel()
			} else {
				time.AfterFunc(time.Millisecond, cancel)
			}
			if err := wait(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("%s, %s: %v", name, cause, err)
			}
			cancel()
		}
	}
}

func TestLatched_PublisherEndsBeforeAdmission(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher(t, a, "map", &PublisherOptions[string]{Latched: true})
	send(t, pub, "old")
	send(t, pub, "new")
	a.mu.Lock() // so that it admits no reader
	sub := subscriber[string](t, b, "map", nil)
	err := pub.core.writer.Close()
	a.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	want(t, sub, "new")
}

func TestFilter_PanicLeavesNoFiles(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher[string](t, a, "x/a", nil)
	publisher[string](t, a, "x/b", nil)
	asked := 0
	func() {
		defer func() { recover() }()
		NewSubscriber(t.Context(), b, "x/*", &SubscriberOptions[string]{Filter: func(string) bool {
			if asked++; asked == 2 {
				panic("no")
			}
			return true
		}})
		t.Error("the panic was swallowed")
	}()
	sub := subscriber[string](t, b, "x/a", nil)
	send(t, pub, "y")
	want(t, sub, "y")
	if err := a.reg.Sync(); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	subs := 0
	for _, e := range a.endpoints {
		if e.Kind == registry.KindSubscription {
			subs++
		}
	}
	if subs != 1 {
		t.Errorf("%d subscriptions are advertised", subs)
	}
}

func TestSubscriber_PatternWithOneFullPublisher(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	h := listen(t, b)
	publisher[string](t, a, "x/full", nil)
	other := publisher[string](t, a, "x/other", nil)
	for range shmtransport.MaxReaders {
		subscriber[string](t, b, "x/full", nil)
	}
	sub := subscriber[string](t, b, "x/*", nil)
	send(t, other, "y")
	want(t, sub, "y")
	if _, _, err := sub.TryReceive(); err != nil {
		t.Error(err)
	}
	h.until("the refusal", func(e Event) bool { return e.Kind == Unavailable && e.Endpoint.Topic == "x/full" })
}

func TestConnectContext_Ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		ctx, cancel := connectContext(t.Context())
		defer cancel()
		<-ctx.Done()
		if took := time.Since(begin); took != connectTimeout {
			t.Errorf("it took %v", took)
		}
	})
}

// A waitCanceled context ends when a wait for it begins.
type waitCanceled struct {
	context.Context
	cancel context.CancelFunc
}

func (c waitCanceled) Done() <-chan struct{} {
	c.cancel()
	return c.Context.Done()
}

func TestConstructors_EndWithTheirContext(t *testing.T) {
	o := domain(t)
	p, silent := join(t, o), join(t, o)
	publisher[string](t, silent, "from", nil)
	subscriber[string](t, silent, "to", nil)
	silent.mu.Lock() // it answers nothing
	defer silent.mu.Unlock()
	for name, construct := range map[string]func(context.Context) error{
		"publisher":  func(ctx context.Context) error { _, err := NewPublisher[string](ctx, p, "to", nil); return err },
		"subscriber": func(ctx context.Context) error { _, err := NewSubscriber[string](ctx, p, "from", nil); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if err := construct(waitCanceled{ctx, cancel}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, context canceled during the wait: error %v", name, err)
		}
		if err := construct(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, context canceled before: error %v", name, err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pubs) != 0 || len(p.subs) != 0 {
		t.Errorf("%d publishers and %d subscribers remain", len(p.pubs), len(p.subs))
	}
}
