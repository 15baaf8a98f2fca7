package stats

import (
	"testing"

	"github.com/shmbus/shmbus/internal/mem"
)

func TestFiguresReadBackWhatWasCounted(t *testing.T) {
	b := mem.Alloc(Size)
	p := NewPublisher(b)
	p.Published(100, 5)
	p.Published(40, 9)
	p.Failed()
	p.Waited()
	p.SetSubscribers(3)
	p.SetMemory(4096)
	p.SetLoans(5)
	want := PublisherCounts{Messages: 2, Bytes: 140, LastStamp: 9, LastSize: 40, MaxSize: 100, Failed: 1, Waited: 1, Subscribers: 3, Memory: 4096, Loans: 5}
	if got := ReadPublisher(b); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}

	b = mem.Alloc(Size)
	s := NewSubscription(b)
	s.Received(10, 3, 2)
	s.Lost(5)
	s.SetUndecodable(1)
	s.SetPublishers(1)
	s.SetHeld(4)
	s.SetLag(6)
	s.Dropped(4)
	s.Stale()
	s.Stale()
	s.Filtered()
	s.Latency(1000)
	got := ReadSubscription(b)
	if got.Latency[Bucket(1000)] != 1 {
		t.Fatalf("the histogram missed a delay: %v", got.Latency)
	}
	got.Latency = [Buckets]uint32{}
	wantS := SubscriptionCounts{Messages: 1, Bytes: 10, LastStamp: 3, LastSize: 10, MaxSize: 10, Lost: 7, DecodeErrors: 1, Publishers: 1, Held: 4, Lag: 6, Dropped: 4, Stale: 2, Filtered: 1}
	if got != wantS {
		t.Fatalf("got %+v, want %+v", got, wantS)
	}
}

func TestShortBlocksGiveZeros(t *testing.T) {
	if ReadPublisher(make([]byte, Size-1)) != (PublisherCounts{}) || ReadSubscription(nil) != (SubscriptionCounts{}) {
		t.Fatal("figures out of nothing")
	}
}

func TestEveryDelayFallsIntoItsStep(t *testing.T) {
	for i := range Buckets {
		if got := Bucket(BucketStart(i)); got != i {
			t.Errorf("the start of step %d falls into step %d", i, got)
		}
		if got := Bucket(BucketStart(i+1) - 1); got != i {
			t.Errorf("the end of step %d falls into step %d", i, got)
		}
	}
	if Bucket(-1) != 0 || Bucket(1<<62) != Buckets-1 {
		t.Error("delays beyond the ends do not fall into the end steps")
	}
}

func TestPercentile(t *testing.T) {
	var h [Buckets]uint32
	if Percentile(&h, 0.5) != 0 {
		t.Fatal("a percentile of nothing")
	}
	h[Bucket(1000)] = 99
	h[Bucket(1_000_000)] = 1
	for q, want := range map[float64]int64{0.5: 1000, 0.98: 1000, 0.99: 1_000_000, 1: 1_000_000} {
		got := Percentile(&h, q)
		if got < want*3/4 || got > want*5/4 {
			t.Errorf("p%v is %d, want about %d", q*100, got, want)
		}
	}
}
