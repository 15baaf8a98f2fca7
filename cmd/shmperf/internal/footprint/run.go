package footprint

import (
	"context"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/subproc"
)

// The names of the roles.
const (
	Publisher  = "memory-publisher"
	Subscriber = "memory-subscriber"
)

// An Order says what to measure. All processes get it.
type Order struct {
	stage.Where
	Topics      int `json:"topics"`
	Subscribers int `json:"subscribers"` // processes that subscribe to every topic
	Size        int `json:"size"`
	Depth       int `json:"depth"`
}

// A Result is what was found, in bytes.
type Result struct {
	Empty     uint64  // shared memory of a domain of these processes without a topic
	First     uint64  // more with one
	All       uint64  // more with all of them
	Publisher Process // with one topic
	Reader    Process // the same, zero without subscribers
}

// A Process is how large one is.
type Process struct {
	Threads uint64 `json:"threads"`
	RSS     uint64 `json:"rss"` // bytes
}

// Run measures on a stage of its own in parent.
func Run(ctx context.Context, parent string, o Order) (r Result, err error) {
	err = stage.On(ctx, parent, func(st *stage.Stage) error {
		o.Where = st.Where()
		publisher, err := st.Ready(Publisher, o)
		if err != nil {
			return err
		}
		var readers []*subproc.Child
		for range o.Subscribers {
			c, err := st.Ready(Subscriber, o)
			if err != nil {
				return err
			}
			readers = append(readers, c)
		}
		if r.Empty, err = shared(st); err != nil {
			return err
		}
		if r.Publisher, r.Reader, err = grow(publisher, readers, 1); err != nil {
			return err
		}
		if r.First, err = shared(st); err != nil {
			return err
		}
		if _, _, err = grow(publisher, readers, o.Topics); err != nil {
			return err
		}
		if r.All, err = shared(st); err != nil {
			return err
		}
		r.First, r.All = above(r.First, r.Empty), above(r.All, r.Empty)
		return stage.Finish(append(readers, publisher)...)
	})
	return r, err
}

// grow has every process come to so many topics, with a sample on each that was received, and says how large the publisher and the
// first subscriber are then.
func grow(publisher *subproc.Child, readers []*subproc.Child, topics int) (p, r Process, err error) {
	for _, c := range append([]*subproc.Child{publisher}, readers...) {
		if err := c.Send(step{Topics: topics}); err != nil {
			return p, r, err
		}
	}
	if err := publisher.Next(&p); err != nil {
		return p, r, err
	}
	for i := len(readers) - 1; i >= 0; i-- {
		if err := readers[i].Next(&r); err != nil {
			return p, r, err
		}
	}
	return p, r, nil
}

// A step tells a process how many topics there should be.
type step struct {
	Topics int `json:"topics"`
}

// shared is how much the files of the domain occupy.
func shared(st *stage.Stage) (uint64, error) {
	dir, err := stage.DomainDir(st.Dir)
	if err != nil {
		return 0, err
	}
	return usage.Shared(dir)
}

func above(a, b uint64) uint64 { return a - min(a, b) }
