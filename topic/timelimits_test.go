package topic

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// receivings are the ways to receive samples until there are n.
var receivings = map[string]func(t *testing.T, ctx context.Context, sub *Subscriber[int], n int) []int{
	"Receive": func(t *testing.T, ctx context.Context, sub *Subscriber[int], n int) (got []int) {
		for range n {
			s, err := sub.Receive(ctx)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, value(t, s))
			s.Release()
		}
		return got
	},
	"TryReceive": func(t *testing.T, ctx context.Context, sub *Subscriber[int], n int) (got []int) {
		for len(got) < n && ctx.Err() == nil {
			s, ok, err := sub.TryReceive()
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				got = append(got, value(t, s))
				s.Release()
			}
		}
		return got
	},
	"ReceiveBatch": func(t *testing.T, ctx context.Context, sub *Subscriber[int], n int) (got []int) {
		buf := make([]Sample[int], 3)
		for len(got) < n {
			k, err := sub.ReceiveBatch(ctx, buf)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range buf[:k] {
				got = append(got, value(t, s))
				s.Release()
			}
		}
		return got
	},
	"Samples": func(t *testing.T, ctx context.Context, sub *Subscriber[int], n int) (got []int) {
		for s, err := range sub.Samples(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, value(t, s)); len(got) == n {
				break
			}
		}
		return got
	},
	"Handle": func(t *testing.T, ctx context.Context, sub *Subscriber[int], n int) (got []int) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		err := sub.Handle(ctx, func(s Sample[int]) {
			if got = append(got, value(t, s)); len(got) == n {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		return got
	},
}

func value(t *testing.T, s Sample[int]) int {
	v, err := s.Value()
	if err != nil {
		t.Error(err)
	}
	return v
}

// Of publishers of several topics each has a separation of its own. Samples in one batch have the same stamp.
func TestMinSeparation_EveryWayToReceive(t *testing.T) {
	for name, receive := range receivings {
		t.Run(name, func(t *testing.T) {
			o := domain(t)
			a, b := join(t, o), join(t, o)
			ctx, cancel := context.WithTimeout(t.Context(), long)
			defer cancel()
			sub := subscriber(t, b, "robot/**", &SubscriberOptions[int]{MinSeparation: time.Hour, Lossless: true})
			const topics, samples = 5, 20
			want := map[int]bool{}
			for i := range topics {
				pub := publisher(t, a, fmt.Sprint("robot/", i), &PublisherOptions[int]{Depth: 32})
				for k := range samples {
					send(t, pub, 100*i+k)
				}
				want[100*i] = true
			}
			for _, v := range receive(t, ctx, sub, topics) {
				if !want[v] {
					t.Errorf("received %d", v)
				}
				delete(want, v)
			}
			if s, ok, err := sub.TryReceive(); ok || err != nil {
				t.Errorf("and %d, %v", value(t, s), err)
			}
			if f := sub.Stats(); f.Messages != topics || f.Filtered != topics*(samples-1) || f.Stale != 0 || f.Lost != 0 || f.Lag != 0 || f.Held != 0 {
				t.Errorf("%d received, %d filtered, %d stale, %d lost, %d behind, %d held", f.Messages, f.Filtered, f.Stale, f.Lost, f.Lag, f.Held)
			}
		})
	}
}

// Every sample is older than 1 ns when it is received, also that of a latched publisher and those of a history or of an ended publisher.
func TestMaxAge_StaleSamples(t *testing.T) {
	for name, readOnly := range map[string]bool{"participant": false, "read-only": true} {
		t.Run(name, func(t *testing.T) {
			o := domain(t)
			a := join(t, o)
			reader := *o
			reader.ReadOnly = readOnly
			b := join(t, &reader)
			latched := publisher(t, a, "x/latched", &PublisherOptions[int]{Latched: true})
			ended := publisher[int](t, a, "x/ended", nil)
			for i := range 3 {
				send(t, latched, i)
			}
			sub := subscriber(t, b, "x/*", &SubscriberOptions[int]{MaxAge: 1, History: 2})
			every := subscriber(t, b, "x/*", &SubscriberOptions[int]{MaxAge: time.Hour, History: 2})
			for i := range 3 {
				send(t, ended, 10+i)
			}
			if err := ended.Close(); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				ctx, cancel := context.WithTimeout(t.Context(), long)
				s, err := every.Receive(ctx)
				cancel()
				if err != nil {
					t.Fatal(err)
				}
				s.Release()
			}
			for f := sub.Stats(); f.Stale < 5; f = sub.Stats() { // a read-only participant copies and may look several times
				if s, ok, err := sub.TryReceive(); ok || err != nil {
					t.Fatalf("received %v, %v", value(t, s), err)
				}
			}
			if s, ok, err := sub.Latest(); ok || err != nil {
				t.Fatalf("the latest is %v, %v", value(t, s), err)
			}
			if f := sub.Stats(); f.Messages != 0 || f.Stale != 5 || f.Lost != 0 || f.Held != 0 {
				t.Errorf("%d received, %d stale, %d lost, %d held", f.Messages, f.Stale, f.Lost, f.Held)
			}
		})
	}
}

func TestTimeLimits_AllocateNothing(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher[[]byte](t, a, "x", nil)
	sub := subscriber(t, b, "x", &SubscriberOptions[[]byte]{MaxAge: time.Hour, MinSeparation: time.Hour, Deadline: time.Hour})
	payload := []byte("payload")
	ctx := t.Context()
	send(t, pub, payload)
	s, err := sub.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s.Release()
	if n := allocations(t, func() {
		for range 1000 {
			send(t, pub, payload)
			if _, ok, err := sub.TryReceive(); ok || err != nil {
				t.Fatal(ok, err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if f := sub.Stats(); f.Filtered != 1000 {
		t.Errorf("%d filtered", f.Filtered)
	}
}
