package topic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestJoin2_SubscriberIsClosed(t *testing.T) {
	p := join(t, domain(t))
	a, b := publisher[string](t, p, "a", nil), publisher[string](t, p, "b", nil)
	subA, subB := subscriber[string](t, p, "a", nil), subscriber[string](t, p, "b", nil)
	j := join2(t, stamped(subA), stamped(subB), &JoinOptions{Tolerance: 2, MaxWait: -1})
	for _, stamp := range []string{"1", "9"} {
		send(t, a, stamp)
		send(t, b, stamp+"0")
	}
	send(t, b, "91") // 9 and 10 are no set while a sample of a with 10 may come
	waiting(t, j, 1, 3)
	subA.Close()
	wantPair(t, j, "9", "10")
	for range 2 {
		if _, err := j.Receive(within(t)); !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), `input 0, "a"`) {
			t.Errorf("error %v", err)
		}
	}
	for i, s := range accounted(t, j.Stats()) {
		if s.Waiting != 0 {
			t.Errorf("input %d: %+v", i, s)
		}
	}
	j.core.done.Wait() // also without Close
	send(t, b, "100")
	want(t, subB, "100")
}

func TestJoin2_CloseGivesTheSubscribersBack(t *testing.T) {
	p := join(t, domain(t))
	a := publisher[string](t, p, "a", nil)
	subA, subB := subscriber[string](t, p, "a", nil), subscriber[string](t, p, "b", nil)
	j := join2(t, stamped(subA), stamped(subB), patient())
	send(t, a, "1")
	waiting(t, j, 1, 0)
	var together sync.WaitGroup
	for range 3 {
		together.Go(func() {
			if _, err := j.Receive(within(t)); !errors.Is(err, os.ErrClosed) {
				t.Errorf("error %v", err)
			}
		})
		together.Go(func() { j.Close() })
	}
	together.Wait()
	for i := range 100 {
		send(t, a, fmt.Sprint(i))
		want(t, subA, fmt.Sprint(i))
	}
	if s := accounted(t, j.Stats())[0]; s.Closed != 1 || s.Received != 1 || subA.Stats().Held != 0 {
		t.Errorf("%+v, %d held", s, subA.Stats().Held)
	}
}

func TestJoin2_CloseWithinDropped(t *testing.T) {
	p := join(t, domain(t))
	a := publisher[string](t, p, "a", nil)
	subA, subB := subscriber[string](t, p, "a", nil), subscriber[string](t, p, "b", nil)
	created, closed := make(chan *Join2[string, string], 1), make(chan bool)
	j := join2(t, stamped(subA), stamped(subB), &JoinOptions{QueueSize: 1, MaxWait: -1, Dropped: func(d JoinDrop) {
		if d.Reason == QueueFull {
			(<-created).Close()
			close(closed)
		}
	}})
	created <- j
	send(t, a, "1")
	send(t, a, "2")
	<-closed
	if _, err := j.Receive(within(t)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

func TestJoin2_ContextEndsReceive(t *testing.T) {
	p := join(t, domain(t))
	a, b := publisher[string](t, p, "a", nil), publisher[string](t, p, "b", nil)
	j := join2(t, stamped(subscriber[string](t, p, "a", nil)), stamped(subscriber[string](t, p, "b", nil)), patient())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	for range 2 {
		go func() {
			_, err := j.Receive(ctx)
			ended <- err
		}()
	}
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	}
	send(t, a, "1")
	send(t, b, "1")
	wantPair(t, j, "1", "1")
}

func TestJoin2_HeldLimit(t *testing.T) {
	p := join(t, domain(t))
	a, b := publisher[string](t, p, "a", nil), publisher[string](t, p, "b", nil)
	subA, subB := subscriber(t, p, "a", &SubscriberOptions[string]{MaxHeld: 3}), subscriber[string](t, p, "b", nil)
	j := join2(t, stamped(subA), stamped(subB), patient()) // its queue has one place
	var held []Pair[string, string]
	for n := 0; ; n++ {
		send(t, a, fmt.Sprint(n))
		send(t, b, fmt.Sprint(n))
		set, err := j.Receive(within(t))
		if err == nil {
			held = append(held, set)
			continue
		}
		var limit *LimitError
		if !errors.As(err, &limit) || limit.Limit != 3 || n != 3 {
			t.Fatalf("%d sets are held: %v", n, err)
		}
		break
	}
	for _, set := range held {
		set.Release()
	}
	wantPair(t, j, "3", "3")
	send(t, a, "4")
	send(t, b, "4")
	wantPair(t, j, "4", "4")
	accounted(t, j.Stats())
}

func TestJoin2_PanicInLoopBody(t *testing.T) {
	p := join(t, domain(t))
	a, b := publisher[string](t, p, "a", nil), publisher[string](t, p, "b", nil)
	j := join2(t, stamped(subscriber[string](t, p, "a", nil)), stamped(subscriber[string](t, p, "b", nil)), patient())
	send(t, a, "1")
	send(t, b, "1")
	var kept Pair[string, string]
	func() {
		defer func() { recover() }()
		for set := range j.Sets(within(t)) {
			kept = set
			panic("in the loop body")
		}
	}()
	if kept.A.Bytes() != nil || kept.B.Bytes() != nil {
		t.Error("the set was not released")
	}
}

func TestJoin2_ManyReceiversAndClose(t *testing.T) {
	p := join(t, domain(t))
	for round := range 10 {
		var in [2]JoinInput[string]
		var pubs [2]*Publisher[string]
		for i := range in {
			name := fmt.Sprint("t/", round, "/", i)
			in[i] = stamped(subscriber[string](t, p, name, nil))
			pubs[i] = publisher[string](t, p, name, nil)
		}
		var drops atomic.Int64
		j, err := NewJoin2(in[0], in[1], &JoinOptions{QueueSize: 4, MaxWait: -1, Dropped: func(JoinDrop) { drops.Add(1) }})
		if err != nil {
			t.Fatal(err)
		}
		var received atomic.Uint64
		var together, publishing sync.WaitGroup
		ctx, cancel := context.WithCancel(within(t))
		publishing.Go(func() {
			for n := 0; ctx.Err() == nil; n += 2 {
				for i, pub := range pubs {
					pub.Publish(ctx, fmt.Sprint(n))
					pub.Publish(ctx, fmt.Sprint(n+i)) // of one publisher the same stamp again, of the other one without a partner
				}
			}
		})
		for range 3 {
			together.Go(func() {
				for set, err := range j.Sets(within(t)) {
					if err != nil {
						if !errors.Is(err, os.ErrClosed) {
							t.Error(err)
						}
						return
					}
					if a, b := string(set.A.Bytes()), string(set.B.Bytes()); a != b {
						t.Errorf("%s and %s", a, b)
					}
					if received.Add(1) == 20 {
						j.Close()
					}
				}
			})
		}
		together.Wait()
		cancel()
		publishing.Wait()
		j.Close()
		j.core.done.Wait()
		s := j.Stats()
		for i, c := range accounted(t, s) {
			if c.Waiting != 0 || in[i].Subscriber.Stats().Held != 0 {
				t.Errorf("input %d: %+v, %d held", i, c, in[i].Subscriber.Stats().Held)
			}
			in[i].Subscriber.Close()
		}
		if s.Sets != received.Load() {
			t.Errorf("%d sets were counted, %d received", s.Sets, received.Load())
		}
	}
}
