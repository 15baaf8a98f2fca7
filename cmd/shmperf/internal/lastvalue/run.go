package lastvalue

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/subproc"
)

// The names of the roles.
const (
	Writer = "value-writer"
	Reader = "value-reader"
)

// name is the topic's, of 16 bytes.
const name = "perf/last/value0"

// MinSize is the size of the smallest value: one that has its number twice, or a part of another one would not show.
const MinSize = 2 * wordSize

// An Order says what to measure. All processes get it, with a seat for each reader.
type Order struct {
	stage.Where
	Readers  int           `json:"readers"`
	Seat     int           `json:"seat"`
	Size     int           `json:"size"`
	Depth    int           `json:"depth"`
	Count    uint64        `json:"count"`    // of updates after warming up, 0: until Duration ends
	Warm     uint64        `json:"warm"`     // updates before that, at least 1
	Duration time.Duration `json:"duration"` // 0: until Count is reached
}

// Written is what the writer found.
type Written struct {
	Count   uint64      `json:"count"`
	Seconds float64     `json:"seconds"`
	Usage   usage.Usage `json:"usage"`
}

// Read is what a reader found, or all of them together.
type Read struct {
	Count uint64      `json:"count"`
	Fresh uint64      `json:"fresh"` // those that saw another value than the read before
	Torn  uint64      `json:"torn"`  // those that saw parts of several values
	Older uint64      `json:"older"` // those that saw an older value than the read before
	Usage usage.Usage `json:"usage"`
}

// A Result is what all found.
type Result struct {
	Written Written
	Read    Read
}

// Run measures on a stage of its own in parent.
func Run(ctx context.Context, parent string, o Order) (r Result, err error) {
	err = stage.On(ctx, parent, func(st *stage.Stage) error {
		o.Where = st.Where()
		all := make([]*subproc.Child, o.Readers)
		for i := range all {
			o.Seat = i
			var err error
			if all[i], err = st.Ready(Reader, o); err != nil {
				return err
			}
		}
		writer, err := st.Crew.Start(Writer, o)
		if err != nil {
			return err
		}
		if err := writer.Next(&r.Written); err != nil {
			return err
		}
		for _, c := range all {
			var got Read
			if err := c.Next(&got); err != nil {
				return err
			}
			r.Read.add(got)
		}
		return stage.Finish(append(all, writer)...)
	})
	return r, err
}

func (r *Read) add(o Read) {
	r.Count += o.Count
	r.Fresh += o.Fresh
	r.Torn += o.Torn
	r.Older += o.Older
	r.Usage = r.Usage.Plus(o.Usage)
}

// Add adds what another measurement found.
func (r *Result) Add(o Result) {
	r.Written.Count += o.Written.Count
	r.Written.Seconds += o.Written.Seconds
	r.Written.Usage = r.Written.Usage.Plus(o.Written.Usage)
	r.Read.add(o.Read)
}
