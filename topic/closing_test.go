package topic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmbus/shmbus/serde"
)

// Close of a participant may run while another goroutine closes or uses one of its endpoints.
func TestParticipant_CloseWhileEndpointsAreUsedAndClosed(t *testing.T) {
	o := domain(t)
	const ends, rounds = 12, 8
	for range rounds {
		p := join(t, o)
		var together sync.WaitGroup
		begin := make(chan struct{})
		for i := range ends {
			pub := publisher[string](t, p, fmt.Sprintf("t/%d", i), nil)
			sub := subscriber[string](t, p, fmt.Sprintf("t/%d", i), nil)
			for range 2 {
				together.Go(func() {
					<-begin
					if err := sub.Close(); err != nil {
						t.Error(err)
					}
				})
				together.Go(func() {
					<-begin
					if err := pub.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			together.Go(func() {
				<-begin
				for {
					if _, err := pub.Publish(context.Background(), "x"); err != nil {
						if !errors.Is(err, os.ErrClosed) {
							t.Error(err)
						}
						return
					}
				}
			})
			together.Go(func() {
				for m, err := range sub.Samples(context.Background()) {
					if err != nil {
						if !errors.Is(err, os.ErrClosed) {
							t.Error(err)
						}
						return
					}
					_ = m.Bytes()
				}
			})
		}
		together.Go(func() {
			<-begin
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		close(begin)
		together.Wait()
	}
}

// Close of a participant ends its subscriptions before its publishers: after the end of one of these it takes nothing, so that another
// participant can tell what it has not taken.
func TestParticipant_CloseEndsSubscriptionsFirst(t *testing.T) {
	o := domain(t)
	leaving, staying := join(t, o), join(t, o)
	const publishers = 400
	for i := range publishers {
		publisher[string](t, leaving, fmt.Sprintf("answers/%d", i), nil)
	}
	requests := publisher[string](t, staying, "requests", nil)
	ended := make(chan PublisherID, publishers)
	answers := subscriber(t, staying, "answers/*", &SubscriberOptions[string]{Ended: func(id PublisherID) { ended <- id }})
	taken := subscriber(t, leaving, "requests", &SubscriberOptions[string]{Lossless: true})
	var late atomic.Int32
	var receivers sync.WaitGroup
	receivers.Go(func() {
		for _, err := range taken.Samples(context.Background()) {
			if err != nil {
				return
			}
			late.Add(1)
		}
	})
	receivers.Go(func() {
		for _, err := range answers.Samples(context.Background()) {
			if err != nil {
				return
			}
		}
	})
	receivers.Go(func() {
		if err := leaving.Close(); err != nil {
			t.Error(err)
		}
	})
	<-ended
	for range 100 {
		if _, err := requests.Publish(t.Context(), "late"); err != nil {
			t.Error(err)
		}
	}
	for range publishers - 1 {
		<-ended
	}
	answers.Close()
	receivers.Wait()
	if n := late.Load(); n > 0 {
		t.Errorf("%d samples were taken after the end of a publisher", n)
	}
}

// A publish that waits for room must not keep another one from ending with its own context.
func TestPublisher_ContextEndsPublishBehindWaitingOne(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher(t, a, "poses", &PublisherOptions[pose]{Codec: serde.JSON[pose](), MemoryLimit: 1024})
	sub := subscriber(t, b, "poses", &SubscriberOptions[pose]{Codec: serde.JSON[pose](), Lossless: true, LosslessTimeout: time.Hour})
	first := make(chan error, 1)
	go func() {
		for {
			if _, err := pub.Publish(context.Background(), pose{}); err != nil {
				first <- err
				return
			}
		}
	}()
	for pub.Stats().Waited == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() {
		_, err := pub.Publish(ctx, pose{})
		second <- err
	}()
	cancel()
	select {
	case err := <-second:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(long):
		t.Error("the second publish waits with the first, though its context is over")
	}
	sub.Close()
	pub.Close()
	if err := <-first; !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

// The record is withdrawn only after the wait has ended, so that no change in the registry ends it.
func TestPublisher_CloseEndsWaitSubscribers(t *testing.T) {
	p := join(t, domain(t))
	pub := publisher[string](t, p, "x", nil)
	if err := p.reg.Sync(); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	ad := pub.core.ad
	pub.core.ad = nil
	changed := p.changed // what WaitSubscribers waits for
	p.mu.Unlock()
	waited := make(chan error, 1)
	go func() { waited <- pub.WaitSubscribers(t.Context(), 1) }()
	if err := pub.Close(); err != nil {
		t.Error(err)
	}
	<-changed
	if err := <-waited; !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if err := ad.Withdraw(); err != nil {
		t.Error(err)
	}
}
