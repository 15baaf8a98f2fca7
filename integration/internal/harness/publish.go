//go:build linux

package harness

import (
	"cmp"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// Publish is the request of a process that publishes samples which Check can check, as fast as it can. It replies with how many it
// published, after the last one.
type Publish struct {
	Topic       string        // "load" if empty
	Count       uint64        // samples; 0 publishes until the parent asks the process to end
	Size        int           // of a payload; 64 if 0
	Grow        bool          // payloads have GrowingSize
	Depth       int           // 16 if 0
	MemoryLimit int64         // bytes of slots
	Subscribers int           // to wait for before the first sample
	Pause       time.Duration // between samples
}

// A Publisher is a process that publishes.
type Publisher struct{ *Child }

// StartPublisher starts a process that publishes in the domain below dir.
func StartPublisher(t testing.TB, dir string, request Publish) Publisher {
	t.Helper()
	return Publisher{Start(t, dir, request)}
}

// Ready waits until the process begins to publish.
func (p Publisher) Ready() Publisher {
	p.T.Helper()
	p.Child.Ready()
	return p
}

// Published waits until the process has published all, and returns how many samples.
func (p Publisher) Published() (n uint64) {
	p.T.Helper()
	p.Expect(&n)
	return n
}

// End asks the process to end, and returns how many samples it published.
func (p Publisher) End() uint64 {
	p.T.Helper()
	p.Stop()
	return p.Published()
}

func publish(ctx context.Context, parent *subproc.Parent, r Publish) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	pub, err := topic.NewPublisher(ctx, p, cmp.Or(r.Topic, "load"), &topic.PublisherOptions[[]byte]{Depth: cmp.Or(r.Depth, 16), MemoryLimit: r.MemoryLimit})
	if err != nil {
		return err
	}
	background := context.Background()
	if err := pub.WaitSubscribers(background, r.Subscribers); err != nil {
		return err
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	b := make([]byte, 1<<20)
	seq := uint64(0)
	for (r.Count == 0 || seq < r.Count) && ctx.Err() == nil { // the first sample may be one too many
		seq++
		n := cmp.Or(r.Size, 64)
		if r.Grow {
			n = GrowingSize(seq)
		}
		Fill(b[:n], seq)
		if _, err := pub.Publish(background, b[:n]); err != nil {
			return fmt.Errorf("publish %d: %w", seq, err)
		}
		time.Sleep(r.Pause)
	}
	if err := pub.Close(); err != nil {
		return err
	}
	if err := parent.Reply(seq); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
