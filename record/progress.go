package record

import (
	"sync"
	"sync/atomic"
	"time"
)

// Progress is the state of a running Record or Play.
type Progress struct {
	Elapsed  time.Duration
	Messages uint64
	Bytes    uint64 // payload
	Lost     uint64 // Record
	Topics   int
	Total    uint64        // messages to play in one pass; 0 for Record, and for a window, whose number is not known
	Next     time.Duration // Play: time until the next message is due
	Position time.Duration // Play: of the last message, since the beginning of what is played
	Length   time.Duration // Play: of the recording, or of the part of it that is played
}

// figures are the counters behind Progress. They may be read concurrently with counting.
type figures struct {
	messages, bytes, lost, total atomic.Uint64
	topics                       atomic.Int64
	position, length             atomic.Int64 // ns
	due                          atomic.Pointer[time.Time]
}

// reportProgress calls report once a second until the returned function is called. The returned function waits for a
// running call.
func reportProgress(f *figures, report func(Progress)) (stop func()) {
	if report == nil {
		return func() {}
	}
	start := time.Now()
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				report(f.progress(start))
			}
		}
	})
	return func() {
		close(ended)
		wg.Wait()
	}
}

func (f *figures) progress(start time.Time) Progress {
	p := Progress{
		Elapsed: time.Since(start), Messages: f.messages.Load(), Bytes: f.bytes.Load(), Lost: f.lost.Load(),
		Topics: int(f.topics.Load()), Total: f.total.Load(),
		Position: time.Duration(f.position.Load()), Length: time.Duration(f.length.Load()),
	}
	if due := f.due.Load(); due != nil {
		p.Next = max(time.Until(*due), 0)
	}
	return p
}
