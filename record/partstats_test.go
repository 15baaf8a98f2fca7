package record

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/shmbus/shmbus/serde"
)

func TestRecorder_UnseenLossesAreThoseOfOnePart(t *testing.T) {
	s := newSink(t, nil)
	s.addUnseenLoss(7)
	for part, want := range []string{"7", "0", "0"} {
		if got := s.rec.partMetadata()[0].Values[statsLost]; got != want {
			t.Errorf("part %d: %s lost, want %s", part+1, got, want)
		}
	}
}

// Status, which may add a topic, is asked for also at the end.
func TestRecorder_TopicsAreAddedWhileLossesAreSummedUp(t *testing.T) {
	s := newSink(t, nil)
	var adding sync.WaitGroup
	var added atomic.Bool
	adding.Go(func() {
		defer added.Store(true)
		for i := range 20_000 {
			s.counts.of(fmt.Sprint("topic", i), &serde.Type{Encoding: "raw"}, nil).overwritten.Add(1)
		}
	})
	for !added.Load() {
		s.addUnseenLoss(0)
	}
	adding.Wait()
	if s.addUnseenLoss(20_003); s.counts.unseen.Load() != 3 {
		t.Errorf("%d losses were not seen", s.counts.unseen.Load())
	}
}
