package service

import (
	"context"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// Figures are what a server has done. It publishes them once a second while they change. Those of a server of goals count goals: one that
// has ended or was rejected is a call, which failed if it was rejected or its handler returned an error.
type Figures struct {
	Calls      uint64 // requests that a handler has answered
	Failed     uint64 // of these, with an error
	Unanswered uint64 // requests that were taken and are not answered yet
	Refused    uint64 // requests that break the protocol or cannot be decoded
	Clients    int    // that are connected
	// Took counts handlers by their time: Took[i] those of less than 2^i µs, and not less than half of that. While handlers are short,
	// one of 16 is measured.
	Took [32]uint64
}

// figures counts for Figures.
type figures struct {
	begun                  atomic.Uint64 // handlers; written by the receiver alone
	calls, failed, refused atomic.Uint64
	clients                atomic.Int64
	of                     func(Figures) Figures // option; nil = what is counted here
	took                   [32]atomic.Uint64
	pub                    *topic.Publisher[Figures]
	done                   chan struct{}
	loop                   sync.WaitGroup
}

const figuresInterval = time.Second

func (f *figures) start(ctx context.Context, p *topic.Participant, name string) error {
	pub, err := topic.NewPublisher(ctx, p, topicOf(name, segmentFigures), &topic.PublisherOptions[Figures]{
		Codec: FiguresCodec(), Depth: 2, Latched: true, NeverWaits: true,
	})
	if err != nil {
		return err
	}
	f.pub, f.done = pub, make(chan struct{})
	f.loop.Go(f.publish)
	return nil
}

// FiguresCodec returns the codec of the topic of figures.
func FiguresCodec() serde.Codec[Figures] { return serde.JSON[Figures]() }

func (f *figures) stop() error {
	if f.pub == nil {
		return nil
	}
	close(f.done)
	f.loop.Wait()
	return f.pub.Close()
}

func (f *figures) read() (out Figures) {
	out.Calls, out.Failed, out.Refused = f.calls.Load(), f.failed.Load(), f.refused.Load()
	out.Unanswered = f.begun.Load() - out.Calls // loaded after calls, so not less
	out.Clients = int(f.clients.Load())
	for i := range out.Took {
		out.Took[i] = f.took[i].Load()
	}
	if f.of != nil {
		return f.of(out)
	}
	return out
}

func (f *figures) publish() {
	tick := time.NewTicker(figuresInterval)
	defer tick.Stop()
	var last Figures
	for first := true; ; first = false {
		if now := f.read(); first || now != last {
			last = now
			if _, err := f.pub.Publish(context.Background(), now); err != nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-f.done:
			return
		}
	}
}

// count counts a handler that has returned.
func (f *figures) count(took time.Duration, measured bool) {
	f.calls.Add(1)
	if !measured {
		return
	}
	f.took[TookIndex(took)].Add(1)
}

// TookIndex returns the index in Figures.Took of a handler that took so long.
func TookIndex(took time.Duration) int {
	return min(bits.Len64(uint64(max(0, took.Microseconds()))), len(Figures{}.Took)-1)
}
