package group

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/topic"
)

func TestMember_ReceivesInOrder(t *testing.T) {
	o := domain(t)
	m := member(t, o, workers, nil)
	pub := publisher(t, o, 16)
	publish(t, pub, 1, 2, 3)
	for _, v := range []int{1, 2, 3} {
		ack(t, receive(t, m, v, false))
	}
	nothing(t, m)
}

// Each sample goes to one member of each group, and to every subscriber.
func TestGroups_EachSampleOnce(t *testing.T) {
	o := domain(t)
	const samples, members = 400, 3
	sub, err := topic.NewSubscriber(t.Context(), participant(t, o), jobs, &topic.SubscriberOptions[int]{Lossless: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	var mu sync.Mutex
	got := map[string][]int{}
	var running sync.WaitGroup
	receiving, stop := context.WithCancel(t.Context())
	for _, group := range []string{"a", "b"} {
		for i := range members {
			m := member(t, o, group, &Options[int]{MaxOutstanding: 1 + i, MaxPending: 4 + 4*i})
			running.Go(func() {
				for {
					d, err := m.Receive(receiving)
					if err != nil {
						return
					}
					v, err := d.Value()
					if err != nil || d.Redelivered() {
						t.Errorf("%d: %v, redelivered %v", v, err, d.Redelivered())
					}
					mu.Lock()
					got[group] = append(got[group], v)
					mu.Unlock()
					if err := d.Ack(); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	running.Go(func() {
		for range 2 * samples {
			s, err := sub.Receive(receiving)
			if err != nil {
				t.Error(err)
				return
			}
			v, _ := s.Value()
			s.Release()
			mu.Lock()
			got["all"] = append(got["all"], v)
			mu.Unlock()
		}
	})
	for i := range 2 {
		pub := publisher(t, o, 16)
		running.Go(func() {
			for n := range samples {
				publish(t, pub, i*samples+n)
			}
		})
	}
	eventually(t, "all received", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got["a"]) >= 2*samples && len(got["b"]) >= 2*samples && len(got["all"]) >= 2*samples
	})
	time.Sleep(10 * pollInterval) // for what would come twice
	stop()
	running.Wait()
	for receiver, values := range got {
		slices.Sort(values)
		for i, v := range values {
			if v != i {
				t.Fatalf("%s has %d in place of %d", receiver, v, i)
			}
		}
	}
}

func TestMember_MaxOutstanding(t *testing.T) {
	o := domain(t)
	a := member(t, o, workers, &Options[int]{MaxOutstanding: 2})
	b := member(t, o, workers, nil)
	publish(t, publisher(t, o, 16), 1, 2, 3, 4)
	d := receive(t, a, 1, false)
	receive(t, a, 2, false)
	nothing(t, a)
	receive(t, b, 3, false)
	ack(t, d)
	ack(t, d) // does nothing
	receive(t, a, 4, false)
	nothing(t, a)
}

func TestDelivery_Return(t *testing.T) {
	o := domain(t)
	a, b := member(t, o, workers, nil), member(t, o, workers, nil)
	publish(t, publisher(t, o, 16), 1)
	d := receive(t, a, 1, false)
	nothing(t, b)
	if err := d.Return(); err != nil {
		t.Fatal(err)
	}
	d2 := receive(t, b, 1, true)
	if err := errors.Join(d.Return(), d.Ack()); err != nil { // both do nothing
		t.Fatal(err)
	}
	if err := d2.Return(); err != nil {
		t.Fatal(err)
	}
	d = receive(t, a, 1, true)
	if err := d.Return(); err != nil { // and comes back when there is no other
		t.Fatal(err)
	}
	b.Close()
	ack(t, receive(t, a, 1, true))
	nothing(t, a)
}

// What a member that leaves has not acknowledged goes to another, the rest does not.
func TestMember_Close(t *testing.T) {
	o := domain(t)
	a, b := member(t, o, workers, &Options[int]{MaxOutstanding: 3}), member(t, o, workers, nil)
	publish(t, publisher(t, o, 16), 1, 2, 3, 4)
	d := receive(t, a, 1, false)
	ack(t, receive(t, a, 2, false))
	receive(t, a, 3, false)
	waiting := make(chan error)
	go func() {
		receive(t, a, 4, false)
		_, err := a.Receive(t.Context())
		waiting <- err
	}()
	eventually(t, "outstanding", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return a.outstanding == 3 })
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if err := d.Ack(); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	for _, v := range []int{1, 3, 4} {
		ack(t, receive(t, b, v, true))
	}
	nothing(t, b)
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// A member that reads no accounts while there are more gaps than an account has room for may get a sample again, but marked.
func TestAck_WithMoreGapsThanAnAccountHas(t *testing.T) {
	o := domain(t)
	pub, err := topic.NewPublisher(t.Context(), participant(t, o), jobs, &topic.PublisherOptions[int]{Depth: 2, NeverWaits: true})
	if err != nil {
		t.Fatal(err)
	}
	a, b := member(t, o, workers, nil), member(t, o, workers, nil)
	publish(t, pub, 1)
	keeps(t, b, 1)
	func() {
		b.mu.Lock() // as if its process were stopped
		defer b.mu.Unlock()
		ack(t, receive(t, a, 1, false))
		k := func() *book { a.mu.Lock(); defer a.mu.Unlock(); return a.books[pub.ID()] }()
		for sequence := uint64(3); sequence < 2*maxRanges+10; sequence += 2 { // between them are samples that all lost
			a.mu.Lock()
			k.acked = k.acked.with(span{sequence, sequence})
			k.noteCut(nil)
			a.mu.Unlock()
		}
		publish(t, pub, 2) // and acknowledged by a, which publishes its account
		ack(t, receive(t, a, 2, true))
	}()
	ack(t, receive(t, b, 1, true))
}

// Publishers wait for members that keep MaxPending samples, or MaxPendingBytes, and go on when these are acknowledged.
func TestMember_MaxPending(t *testing.T) {
	for name, test := range map[string]struct {
		opts *Options[int]
		kept int
	}{"samples": {&Options[int]{MaxPending: 3}, 3}, "bytes": {&Options[int]{MaxPendingBytes: 1}, 1}} {
		o := domain(t)
		m := member(t, o, workers, test.opts)
		pub := publisher(t, o, 2)
		n := 0
		for ; ; n++ {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			_, err := pub.Publish(ctx, n)
			cancel()
			if err != nil {
				break
			}
		}
		if most := test.kept + 2; n > most || n < 2 {
			t.Errorf("%s: %d samples were published, want %d at most", name, n, most)
		}
		for v := range n {
			ack(t, receive(t, m, v, false))
		}
		publish(t, pub, n)
		ack(t, receive(t, m, n, false))
	}
}

// A member that has no room for longer than its timeout is slow, not stopped: publishers wait, and nothing is lost.
func TestMember_SlowerThanItsTimeout(t *testing.T) {
	const n, timeout = 20, 300 * time.Millisecond
	o := domain(t)
	pub := publisher(t, o, 4)
	m := member(t, o, workers, &Options[int]{MaxPending: 2, LosslessTimeout: timeout})
	waits := make(chan struct{})
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for i := 1; i <= n; i++ {
			if i == 7 { // the member keeps 2, and the ring has 4
				close(waits)
			}
			publish(t, pub, i)
		}
	})
	d := receive(t, m, 1, false)
	<-waits
	begin := time.Now()
	eventually(t, "the job takes longer", func() bool { return time.Since(begin) > 3*timeout })
	ack(t, d)
	for i := 2; i <= n; i++ {
		ack(t, receive(t, m, i, false))
	}
	publishing.Wait()
	if s := m.Stats(); s.Lost != 0 || s.Messages != n {
		t.Errorf("%d received, %d lost", s.Messages, s.Lost)
	}
}

func TestMember_AfterTheParticipantsClose(t *testing.T) {
	o := domain(t)
	p := participant(t, o)
	a, err := Join[int](t.Context(), p, jobs, workers, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := member(t, o, workers, nil)
	publish(t, publisher(t, o, 2), 1)
	receive(t, a, 1, false)
	p.Close()
	if _, err := a.Receive(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	ack(t, receive(t, b, 1, true))
	a.Close()
}

// A member that reads no accounts for a while gets nothing again that another one has acknowledged meanwhile, in however many places: the
// newest account has them all. The ring of accounts is much shorter.
func TestAck_WhereManySamplesAreApart(t *testing.T) {
	const (
		n     = maxClaims - 60
		taken = n - 200
	)
	o := domain(t)
	opts := &Options[int]{MaxOutstanding: taken, MaxPending: maxClaims}
	a, b := member(t, o, workers, opts), member(t, o, workers, opts)
	pub := publisher(t, o, 1024)
	for i := 1; i <= n; i++ {
		publish(t, pub, i)
	}
	for _, m := range []*Member[int]{a, b} {
		eventually(t, "kept", func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return len(m.kept) == n
		})
	}
	func() {
		b.mu.Lock() // as if its process were stopped
		defer b.mu.Unlock()
		for i := 1; i <= taken; i++ {
			if d := receive(t, a, i, false); i%2 == 0 {
				ack(t, d)
			}
		}
	}()
	for i := taken + 1; i <= n; i++ { // a has the others
		ack(t, receive(t, b, i, false))
	}
	nothing(t, b)
}
