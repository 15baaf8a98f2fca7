//go:build linux

package crash

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestKill_Publisher(t *testing.T) {
	dir := harness.NewDomain(t)
	subs := []harness.Subscriber{
		harness.StartSubscriber(t, dir, harness.Subscribe{Progress: 500}),
		harness.StartSubscriber(t, dir, harness.Subscribe{Progress: 500, Lossless: true, Hold: 3}),
	}
	for _, s := range subs {
		s.Ready()
	}
	survivor := harness.StartPublisher(t, dir, harness.Publish{Subscribers: 2, Pause: 20 * time.Microsecond}).Ready()
	for i := range 3 {
		victim := harness.StartPublisher(t, dir, harness.Publish{Subscribers: 2, Grow: true}).Ready()
		for _, s := range subs {
			s.WaitPublishers(i + 2)
		}
		harness.RandomDelay()
		victim.Kill()
		for _, s := range subs {
			s.NextReport()
			s.NextReport()
		}
	}
	survivor.End()
	for _, s := range subs {
		s.Stop()
		if got := s.Final(); got.Publishers != 4 {
			t.Errorf("heard of %d publishers, want 4: %+v", got.Publishers, got)
		}
		s.Finish()
	}
	survivor.Finish()
}

func TestKill_Subscriber(t *testing.T) {
	for _, policy := range []string{"keep-last", "lossless"} {
		t.Run(policy, func(t *testing.T) {
			dir := harness.NewDomain(t)
			receiver := harness.StartSubscriber(t, dir, harness.Subscribe{Lossless: true, Progress: 500}).Ready()
			pub := harness.StartPublisher(t, dir, harness.Publish{Subscribers: 1, Grow: true}).Ready()
			for range 3 {
				victim := harness.StartSubscriber(t, dir, harness.Subscribe{Progress: 100, Hold: 8, Lossless: policy == "lossless"}).Ready()
				victim.NextReport()
				harness.RandomDelay()
				victim.Kill()
				receiver.NextReport()
				receiver.NextReport()
			}
			published := pub.End()
			got := receiver.EndAfter(published)
			if got.Received+got.Lost != published || got.Lost != 0 {
				t.Errorf("the surviving subscriber received %d and lost %d of %d", got.Received, got.Lost, published)
			}
			receiver.Finish()
			pub.Finish()
		})
	}
}

func TestKill_BothEnds(t *testing.T) {
	dir := harness.NewDomain(t)
	receiver := harness.StartSubscriber(t, dir, harness.Subscribe{Lossless: true, Progress: 200}).Ready()
	for i := range 3 {
		survivor := harness.StartPublisher(t, dir, harness.Publish{Subscribers: 1, Pause: 10 * time.Microsecond}).Ready()
		subs := []harness.Subscriber{
			harness.StartSubscriber(t, dir, harness.Subscribe{Hold: 8, Progress: 100}).Ready(),
			harness.StartSubscriber(t, dir, harness.Subscribe{Lossless: true, Progress: 100}).Ready(),
		}
		pub := harness.StartPublisher(t, dir, harness.Publish{Subscribers: 3, Grow: true}).Ready()
		victims := []*harness.Child{subs[0].Child, subs[1].Child, pub.Child}
		subs[0].NextReport()
		subs[1].NextReport()
		receiver.WaitPublishers(2*i + 2)
		harness.RandomDelay()
		for _, i := range rand.Perm(len(victims)) {
			victims[i].Kill()
		}
		receiver.NextReport()
		receiver.NextReport()
		survivor.Finish()
	}
	receiver.Stop()
	if got := receiver.Final(); got.Publishers != 6 {
		t.Errorf("heard of %d publishers, want 6: %+v", got.Publishers, got)
	}
	receiver.Finish()
}
