//go:build linux

package exchange

import (
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestLosslessStream_OneMillionMessages(t *testing.T) {
	const messages = 1_000_000 / harness.Slowdown
	dir := harness.NewDomain(t)
	sub := harness.StartSubscriber(t, dir, harness.Subscribe{Lossless: true, Count: messages}).Ready()
	pub := harness.StartPublisher(t, dir, harness.Publish{Subscribers: 1, Count: messages}).Ready()
	published, got := pub.Published(), sub.NextReport()
	if published != messages || got.Received != published || got.Lost != 0 || got.Last != published {
		t.Fatalf("published %d, received %+v", published, got)
	}
	t.Logf("%d messages of 64 bytes, lossless, in %v: %.2f million a second", got.Received, got.Took, float64(got.Received)/got.Took.Seconds()/1e6)
	pub.Finish()
	sub.Finish()
}

func TestGrowingSamples_EveryReaderAccountsForAll(t *testing.T) {
	accountForGrowingSamples(t, 40, 0)
}

// The limit has room for a ring of the largest samples and for those that are held, and not for the outgrown slots as well.
func TestGrowingSamples_AtTheMemoryLimit(t *testing.T) {
	accountForGrowingSamples(t, 3, 4200000)
}

func accountForGrowingSamples(t *testing.T, hold int, memoryLimit int64) {
	const messages = 6000 // the last 500 are of the largest size
	dir := harness.NewDomain(t)
	subs := []harness.Subscriber{
		harness.StartSubscriber(t, dir, harness.Subscribe{Count: messages}),
		harness.StartSubscriber(t, dir, harness.Subscribe{Count: messages, Hold: 5}),
		harness.StartSubscriber(t, dir, harness.Subscribe{Count: messages, Hold: hold}),
		harness.StartSubscriber(t, dir, harness.Subscribe{Count: messages, Lossless: true}),
	}
	for _, s := range subs {
		s.Ready()
	}
	pub := harness.StartPublisher(t, dir, harness.Publish{Subscribers: 4, Count: messages, Grow: true, MemoryLimit: memoryLimit}).Ready()
	published := pub.Published()
	for i, s := range subs {
		got := s.NextReport()
		if got.Received+got.Lost != published {
			t.Errorf("reader %d: %d received + %d lost, %d published", i, got.Received, got.Lost, published)
		}
		if i == 3 && got.Lost != 0 {
			t.Errorf("the lossless reader lost %d", got.Lost)
		}
		s.Finish()
	}
	pub.Finish()
}

func TestPublisherAndSubscriber_StartedInEitherOrder(t *testing.T) {
	for range max(20/harness.Slowdown, 4) {
		dir := harness.NewDomain(t)
		sub := harness.StartSubscriber(t, dir, harness.Subscribe{Count: 10, Lossless: true}).Ready()
		pub := harness.StartPublisher(t, dir, harness.Publish{Subscribers: 1, Count: 10})
		if got := sub.NextReport(); got.Received != 10 {
			t.Fatalf("subscriber first: %+v", got)
		}
		pub.Ready().Finish()
		sub.Finish()

		pub = harness.StartPublisher(t, dir, harness.Publish{Subscribers: 1, Count: 10})
		sub = harness.StartSubscriber(t, dir, harness.Subscribe{Count: 10, Lossless: true}).Ready()
		pub.Ready()
		if got := sub.NextReport(); got.Received != 10 {
			t.Fatalf("publisher first: %+v", got)
		}
		pub.Finish()
		sub.Finish()
	}
}
