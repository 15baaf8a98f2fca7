package topic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A check is what a deadlineState is told, and what it tells.
type check struct {
	now, stamp int64
	kind       EventKind // 0: no event
	gap        int64
	next       int64 // to the next check
}

// The times are in ms.
func TestDeadlineState(t *testing.T) {
	for name, checks := range map[string][]check{
		"nothing was ever published":       {{100, 0, DeadlineMissed, 100, 10}, {110, 0, 0, 0, 10}, {5000, 0, 0, 0, 10}},
		"regular publishing":               {{100, 95, 0, 0, 95}, {195, 190, 0, 0, 95}, {290, 290, 0, 0, 100}},
		"published before the start":       {{100, -50, DeadlineMissed, 100, 10}},
		"missed and met":                   {{100, 20, 0, 0, 20}, {120, 20, DeadlineMissed, 100, 10}, {130, 20, 0, 0, 10}, {140, 138, DeadlineMet, 118, 98}, {238, 138, DeadlineMissed, 100, 10}},
		"stopped while others publish":     {{100, 99, 0, 0, 99}, {60_000, 59_990, 0, 0, 90}},
		"stopped while nothing came":       {{100, 99, 0, 0, 99}, {60_000, 99, DeadlineMissed, 59_901, 10}, {60_010, 60_009, DeadlineMet, 59_910, 99}},
		"stopped while missed":             {{100, 0, DeadlineMissed, 100, 10}, {60_000, 30_000, DeadlineMet, 30_000, 10}, {60_010, 30_000, DeadlineMissed, 30_010, 10}, {60_020, 60_015, DeadlineMet, 30_015, 95}},
		"stamps that leave almost no time": {{100, 1, 0, 0, 10}, {110, 11, 0, 0, 10}},
	} {
		t.Run(name, func(t *testing.T) {
			const ms = int64(time.Millisecond)
			d := deadlineState{deadline: 100 * ms}
			id := PublisherID{Participant: 7, Number: 1}
			for _, l := range checks {
				var by PublisherID
				if l.stamp != 0 {
					by = id
				}
				kind, gap := d.advance(l.now*ms, l.stamp*ms, by)
				if next := d.untilCheck(l.now * ms); kind != l.kind || gap != l.gap*ms || next != l.next*ms || d.by != by {
					t.Fatalf("at %d: event %v after %v, next check in %v; want %+v", l.now, kind, time.Duration(gap), time.Duration(next), l)
				}
			}
		})
	}
	for deadline, want := range map[time.Duration]time.Duration{
		minDeadline: time.Millisecond, time.Second: 100 * time.Millisecond, time.Hour: time.Second,
	} {
		d := deadlineState{deadline: int64(deadline), missed: true}
		if got := time.Duration(d.untilCheck(0)); got != want {
			t.Errorf("missed %v: checks every %v, want %v", deadline, got, want)
		}
	}
}

// deadlines returns the events about deadlines so far.
func (h *hearing) deadlines() (events []Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if e.Kind == DeadlineMissed || e.Kind == DeadlineMet {
			events = append(events, e)
		}
	}
	return events
}

// untilDeadlines waits until there are n events about deadlines.
func (h *hearing) untilDeadlines(n int) []Event {
	h.t.Helper()
	h.until(fmt.Sprintf("event %d of deadlines", n), func(Event) bool { // called with mu held
		seen := 0
		for _, e := range h.events {
			if e.Kind == DeadlineMissed || e.Kind == DeadlineMet {
				seen++
			}
		}
		return seen >= n
	})
	return h.deadlines()
}

// The deadline is missed without a publisher, met by samples that the subscriber does not receive, and missed again when the publisher
// ends.
func TestDeadline_MissedAndMet(t *testing.T) {
	for name, size := range map[string]int{"small": 8, "large": 5000} {
		t.Run(name, func(t *testing.T) {
			o := domain(t)
			a, b := join(t, o), join(t, o)
			h := listen(t, b)
			const deadline = 20 * time.Millisecond
			sub := subscriber(t, b, "robot/*", &SubscriberOptions[[]byte]{Deadline: deadline})
			first := h.untilDeadlines(1)[0]
			var missed *DeadlineError
			if !errors.As(first.Err, &missed) || missed.Topic != "robot/*" || missed.Deadline != deadline || missed.Gap < deadline ||
				missed.Gap != first.Gap || missed.Publisher != (PublisherID{}) || first.Kind != DeadlineMissed ||
				first.Endpoint.ID != sub.core.endpoint.ID || first.Participant.ID != b.ID() || !strings.Contains(first.Err.Error(), "no publisher") {
				t.Errorf("%+v", first)
			}
			pub := publisher[[]byte](t, a, "robot/scan", nil)
			send(t, pub, make([]byte, size))
			events := h.untilDeadlines(2)
			if e := events[1]; e.Kind != DeadlineMet || e.Err != nil || e.Gap < missed.Gap || e.Endpoint.ID != sub.core.endpoint.ID {
				t.Errorf("%+v", e)
			}
			if err := pub.Close(); err != nil {
				t.Fatal(err)
			}
			e := h.untilDeadlines(3)[2]
			if !errors.As(e.Err, &missed) || missed.Publisher != pub.ID() || missed.Gap < deadline || !strings.Contains(e.Err.Error(), pub.ID().String()) {
				t.Errorf("%+v", e)
			}
			if f := sub.Stats(); f.Messages != 0 {
				t.Errorf("%d received", f.Messages)
			}
			// A later listener hears of it as of the present state.
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for e := range b.Events(ctx) {
				if e.Kind == DeadlineMissed {
					break
				}
			}
			// Each publisher alone publishes too seldom or once; a sample of any is enough.
			for i := range 3 {
				one := publisher[[]byte](t, a, fmt.Sprint("robot/", i), nil)
				send(t, one, make([]byte, size))
				if err := one.Close(); err != nil {
					t.Fatal(err)
				}
				if e := h.untilDeadlines(4 + 2*i)[3+2*i]; e.Kind != DeadlineMet {
					t.Errorf("%+v", e)
				}
				if e := h.untilDeadlines(5 + 2*i)[4+2*i]; !errors.As(e.Err, &missed) || missed.Publisher != one.ID() {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

// A read-only participant checks the same rings.
func TestDeadline_ReadOnly(t *testing.T) {
	o := domain(t)
	a := join(t, o)
	pub := publisher[int](t, a, "x", nil)
	readOnly := *o
	readOnly.ReadOnly = true
	b := join(t, &readOnly)
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	subscriber(t, b, "x", &SubscriberOptions[int]{Deadline: 5 * time.Millisecond})
	var kinds []EventKind
	for e := range b.Events(ctx) {
		switch e.Kind {
		case DeadlineMissed:
			send(t, pub, 1)
			fallthrough
		case DeadlineMet:
			if kinds = append(kinds, e.Kind); len(kinds) == 4 {
				cancel()
			}
		}
	}
	if fmt.Sprint(kinds) != "[deadline missed deadline met deadline missed deadline met]" {
		t.Errorf("events %v", kinds)
	}
}

// While the deadline is missed there is one event, and after Close there is none, nor a timer.
func TestDeadline_OneEventAndNoneAfterClose(t *testing.T) {
	o := domain(t)
	p := join(t, o)
	h := listen(t, p)
	opts := &SubscriberOptions[int]{Deadline: time.Millisecond}
	closed, other := subscriber(t, p, "closed", opts), subscriber(t, p, "other", opts)
	h.untilDeadlines(2)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	pub, last := publisher[int](t, p, "closed", nil), publisher[int](t, p, "other", nil)
	send(t, pub, 1)
	for i := range 3 { // as long as the other one takes for this
		send(t, last, i)
		h.untilDeadlines(4 + 2*i)
	}
	for _, e := range h.deadlines()[2:] {
		if e.Endpoint.ID != other.core.endpoint.ID {
			t.Errorf("after Close: %+v", e)
		}
	}
	p.mu.Lock()
	running := closed.core.deadline.timer.Stop()
	p.mu.Unlock()
	if running {
		t.Error("the timer runs after Close")
	}
}

// A check that waits for the participant's lock after it looked at the rings reports no miss of what was published meanwhile.
func TestDeadline_CheckThatWaits(t *testing.T) {
	p := join(t, domain(t))
	pub := publisher[int](t, p, "x", nil)
	sub := subscriber(t, p, "x", &SubscriberOptions[int]{Deadline: time.Hour})
	w := &sub.core.deadline
	p.mu.Lock()
	due := p.clock.Now() + int64(time.Second)
	w.state.last = due - w.state.deadline
	done := make(chan struct{})
	go func() {
		defer close(done)
		sub.core.checkDeadline()
	}()
	for stacks := make([]byte, 1<<20); ; runtime.Gosched() { // until it waits
		all := string(stacks[:runtime.Stack(stacks, true)])
		if _, check, ok := strings.Cut(all, "sync.(*Mutex)"); ok && strings.Contains(strings.Split(check, "\n\n")[0], "checkDeadline") {
			break
		}
	}
	send(t, pub, 1)
	for p.clock.Now() < due {
		time.Sleep(time.Millisecond)
	}
	p.mu.Unlock()
	<-done
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.state.missed || w.event.Kind != 0 {
		t.Errorf("%+v", w.event)
	}
}

// Closing a participant with deadlines, in whichever order, leaves no goroutine.
func TestDeadline_CloseLeavesNoGoroutine(t *testing.T) {
	o := domain(t)
	before := runtime.NumGoroutine()
	for i := range 20 {
		p, err := Join(o)
		if err != nil {
			t.Fatal(err)
		}
		for k := range 10 {
			sub := subscriber(t, p, fmt.Sprint("t/", k), &SubscriberOptions[int]{Deadline: time.Millisecond})
			if i%2 == 0 {
				go sub.Close()
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	for ; runtime.NumGoroutine() > before; runtime.Gosched() { // a call that runs ends soon
		if ctx.Err() != nil {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestNewSubscriber_TimeLimits(t *testing.T) {
	p := join(t, domain(t))
	for text, opts := range map[string]SubscriberOptions[int]{
		"MaxAge is -1ns, must be positive":        {MaxAge: -1},
		"MinSeparation is -1s, must be positive":  {MinSeparation: -time.Second},
		"Deadline is 999.999µs, must be at least": {Deadline: time.Millisecond - 1},
		"Deadline is -1h0m0s, must be at least":   {Deadline: -time.Hour},
	} {
		if _, err := NewSubscriber(t.Context(), p, "x", &opts); err == nil || !strings.Contains(err.Error(), text) || errors.Is(err, os.ErrClosed) {
			t.Errorf("error %v, want one with %q", err, text)
		}
	}
}
