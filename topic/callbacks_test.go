package topic

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/shmbus/shmbus/registry"
)

// useAll uses a participant as an application may do in a callback.
func useAll(t *testing.T, p *Participant, name string) {
	pub, err := NewPublisher[string](t.Context(), p, name, nil)
	if err != nil {
		t.Error(err)
		return
	}
	sub, err := NewSubscriber[string](t.Context(), p, name, &SubscriberOptions[string]{Filter: func(string) bool { return true }})
	if err != nil {
		t.Error(err)
		return
	}
	if n, err := pub.Publish(t.Context(), "x"); n != 1 || err != nil {
		t.Errorf("reached %d, error %v", n, err)
	}
	if s, err := sub.Receive(t.Context()); err != nil {
		t.Error(err)
	} else {
		s.Release()
	}
	for range p.Events(t.Context()) {
		break
	}
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
	if err := pub.Close(); err != nil {
		t.Error(err)
	}
}

func TestCallbacks_FilterUsesTheParticipant(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	publisher[string](t, a, "x/early", nil)
	asked := make(chan string, 9)
	sub := subscriber(t, b, "x/*", &SubscriberOptions[string]{Filter: func(name string) bool {
		useAll(t, b, "filter")
		asked <- name
		return true
	}})
	if name := <-asked; name != "x/early" || sub.Publishers() != 1 {
		t.Errorf("called for %q, %d publishers", name, sub.Publishers())
	}
	publisher[string](t, a, "x/late", nil)
	publisher[string](t, b, "x/own", nil)
	if err := sub.WaitPublishers(t.Context(), 3); err != nil || len(asked) != 2 {
		t.Errorf("%d more calls, error %v", len(asked), err)
	}
}

func TestCallbacks_EndedClosesItsSubscriber(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher[string](t, a, "x", nil)
	var sub *Subscriber[string]
	ended := make(chan PublisherID, 1)
	sub = subscriber(t, b, "x", &SubscriberOptions[string]{Ended: func(id PublisherID) {
		useAll(t, b, "ended")
		if _, ok, err := sub.TryReceive(); ok || err != nil {
			t.Errorf("another sample: %v, error %v", ok, err)
		}
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
		ended <- id
	}})
	id := pub.ID()
	if err := pub.Close(); err != nil {
		t.Fatal(err)
	}
	for len(ended) == 0 {
		if _, ok, err := sub.TryReceive(); ok {
			t.Fatalf("a sample, error %v", err)
		}
	}
	if got := <-ended; got != id {
		t.Errorf("%v ended, not %v", got, id)
	}
}

// A usingHandler uses its participant.
type usingHandler struct {
	slog.Handler
	use func()
}

func (h usingHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h usingHandler) Handle(context.Context, slog.Record) error {
	h.use()
	return nil
}

func TestCallbacks_LoggerClosesItsParticipant(t *testing.T) {
	o := domain(t)
	a := join(t, o)
	var b *Participant
	joined, closed := make(chan struct{}), make(chan error, 1)
	first := true
	withLogger := *o
	withLogger.Logger = slog.New(usingHandler{slog.DiscardHandler, func() {
		if !first {
			return
		}
		first = false
		<-joined
		useAll(t, b, "logger")
		closed <- b.Close()
	}})
	b = join(t, &withLogger)
	close(joined)
	subscriber[string](t, b, "x", nil)
	publisher[pose](t, a, "x", nil) // of another type, which is logged
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// Close may come while the filter runs, on another goroutine or within the filter. It does not wait for the filter.
func TestCallbacks_CloseWhileFilterRuns(t *testing.T) {
	for name, within := range map[string]bool{"on another goroutine": false, "within the filter": true} {
		t.Run(name, func(t *testing.T) {
			o := domain(t)
			a, b := join(t, o), join(t, o)
			publisher[string](t, a, "x/early", nil)
			filtering, closed := make(chan struct{}), make(chan error, 1)
			end := func() { closed <- b.Close() }
			go func() {
				<-filtering
				if !within {
					end()
				}
			}()
			_, err := NewSubscriber(t.Context(), b, "x/*", &SubscriberOptions[string]{Filter: func(string) bool {
				close(filtering)
				if within {
					end()
				}
				for !b.isClosed() { // Close begins, and may wait for what this process is doing
					runtime.Gosched()
				}
				if _, err := NewPublisher[string](t.Context(), b, "other", nil); !errors.Is(err, os.ErrClosed) {
					t.Errorf("NewPublisher: %v", err)
				}
				if err := <-closed; err != nil {
					t.Error(err)
				}
				return true
			}})
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("NewSubscriber: %v", err)
			}
		})
	}
}

// After a panic of the filter nothing of the subscriber is left.
func TestCallbacks_FilterPanicLeavesNothing(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	publisher[string](t, a, "x", nil)
	func() {
		defer func() { recover() }()
		NewSubscriber(t.Context(), b, "x", &SubscriberOptions[string]{Filter: func(string) bool { panic("no") }})
		t.Error("no panic")
	}()
	ad, err := b.reg.Advertise(registry.Endpoint{Kind: registry.KindSubscription, Patterns: []string{"x"}, ID: registry.EndpointID{Number: 1}})
	if err == nil {
		ad.Withdraw()
		t.Error("the subscriber's number is still reserved")
	}
}

// An askingHandler uses its participant in every method.
type askingHandler struct {
	slog.Handler
	use func()
	got chan string
}

func (h askingHandler) Enabled(_ context.Context, level slog.Level) bool {
	h.use()
	return level >= slog.LevelWarn
}

func (h askingHandler) Handle(_ context.Context, r slog.Record) error {
	h.use()
	h.got <- r.Message
	return nil
}

func (h askingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.use()
	h.got <- attrs[0].Key
	return h
}

func (h askingHandler) WithGroup(name string) slog.Handler {
	h.use()
	h.got <- name
	return h
}

// The library logs with the participant's lock held.
func TestCallbacks_EveryMethodOfTheLogHandler(t *testing.T) {
	o := *domain(t)
	var p *Participant
	h := askingHandler{slog.DiscardHandler, func() { useAll(t, p, "logger") }, make(chan string, 9)}
	o.Logger = slog.New(h)
	p = join(t, &o)
	p.mu.Lock()
	p.log.Info("below the handler's level")
	p.log.WithGroup("group").With("attr", 1).Warn("logged")
	p.mu.Unlock()
	var got []string
	for range 3 {
		got = append(got, <-h.got)
	}
	if want := []string{"group", "attr", "logged"}; !slices.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
}

// A record that was logged before the end of Close is with the handler when Close returns: the program may exit then.
func TestCallbacks_CloseFinishesTheLog(t *testing.T) {
	for range 100 {
		o := *domain(t)
		handled := 0
		o.Logger = slog.New(usingHandler{slog.DiscardHandler, func() {
			for range 100 {
				runtime.Gosched()
			}
			handled++
		}})
		p := join(t, &o)
		p.log.Warn("a record")
		p.log.Warn("another one")
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if handled != 2 {
			t.Fatalf("%d records handled", handled)
		}
	}
}

// A backlogHandler notes the records that it gets after it may continue.
type backlogHandler struct {
	slog.Handler
	continues chan struct{}
	got       chan slog.Record // has room for all
}

func (h backlogHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h backlogHandler) Handle(_ context.Context, r slog.Record) error {
	<-h.continues
	h.got <- r
	return nil
}

func TestCallbacks_LogBacklogIsBounded(t *testing.T) {
	o := *domain(t)
	const dropped = 7
	h := backlogHandler{slog.DiscardHandler, make(chan struct{}), make(chan slog.Record, 2*logBacklog)}
	o.Logger = slog.New(h)
	p := join(t, &o)
	p.log.Warn("in the handler")
	for handling := false; !handling; {
		p.logCalls.backlog.Lock()
		handling = p.logCalls.waiting == 0
		p.logCalls.backlog.Unlock()
		runtime.Gosched()
	}
	for range logBacklog + dropped {
		p.log.Warn("waits")
	}
	h.continues <- struct{}{}
	for taken := false; !taken; {
		p.logCalls.backlog.Lock()
		taken = p.logCalls.waiting < logBacklog
		p.logCalls.backlog.Unlock()
		runtime.Gosched()
	}
	p.log.Warn("after")
	close(h.continues)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 1 + logBacklog + 1 {
		r, says := <-h.got, int64(0) // the last ones may come after Close
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "dropped_before" {
				says = a.Value.Int64()
			}
			return true
		})
		if want := int64(dropped * (i / (1 + logBacklog))); says != want {
			t.Errorf("record %d, %q, says that %d were dropped before, not %d", i, r.Message, says, want)
		}
	}
	if n := len(h.got); n > 0 {
		t.Errorf("%d more records", n)
	}
}
