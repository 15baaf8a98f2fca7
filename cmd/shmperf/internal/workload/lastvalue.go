package workload

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/subproc"
)

// The names of the roles.
const (
	lastValueWriter = "value-writer"
	lastValueReader = "value-reader"
)

// lastValueTopic has 16 bytes.
const lastValueTopic = "perf/last/value0"

// MinValueSize is the size of the smallest value. It holds the value's number twice, which shows a torn value.
const MinValueSize = 2 * valueWord

// The phases of the measurement, in the signal word of the page.
const (
	phaseWarmUp uint32 = iota
	phaseMeasure
	phaseEnd
)

// A LastValue is a topic of which only the newest sample counts: one process writes it as fast as possible, others read it as fast as
// possible. All processes get it as their request.
type LastValue struct {
	harness.Location
	Readers  int           `json:"readers"`
	Index    int           `json:"index"` // of a reader
	Size     int           `json:"size"`
	Depth    int           `json:"depth"`
	Count    uint64        `json:"count"`    // of updates after the warm-up, 0: until Duration ends
	Warm     uint64        `json:"warm"`     // updates of the warm-up, at least 1
	Duration time.Duration `json:"duration"` // 0: until Count is reached
}

// LastValueWritten are the figures of the writer.
type LastValueWritten struct {
	Count   uint64        `json:"count"`
	Seconds float64       `json:"seconds"`
	Usage   measure.Usage `json:"usage"`
}

// LastValueRead are the figures of one reader, or of all together.
type LastValueRead struct {
	Count uint64        `json:"count"`
	Fresh uint64        `json:"fresh"` // reads of another value than the previous read
	Torn  uint64        `json:"torn"`  // reads of parts of several values
	Older uint64        `json:"older"` // reads of an older value than the previous read
	Usage measure.Usage `json:"usage"`
}

// A LastValueResult is the figures of all processes.
type LastValueResult struct {
	Written LastValueWritten
	Read    LastValueRead
}

// Run measures in an environment in parent.
func (l LastValue) Run(ctx context.Context, parent string) (r LastValueResult, err error) {
	err = harness.Run(ctx, parent, func(env *harness.Environment) error {
		l.Location = env.Location()
		all := make([]*subproc.Child, l.Readers)
		for i := range all {
			l.Index = i
			var err error
			if all[i], err = env.StartReady(lastValueReader, l); err != nil {
				return err
			}
		}
		writer, err := env.Start(lastValueWriter, l)
		if err != nil {
			return err
		}
		if err := writer.Next(&r.Written); err != nil {
			return err
		}
		for _, c := range all {
			var read LastValueRead
			if err := c.Next(&read); err != nil {
				return err
			}
			r.Read.add(read)
		}
		return harness.Finish(append(all, writer)...)
	})
	return r, err
}

func (r *LastValueRead) add(o LastValueRead) {
	r.Count += o.Count
	r.Fresh += o.Fresh
	r.Torn += o.Torn
	r.Older += o.Older
	r.Usage = r.Usage.Plus(o.Usage)
}

// Add adds the figures of another measurement.
func (r *LastValueResult) Add(o LastValueResult) {
	r.Written.Count += o.Written.Count
	r.Written.Seconds += o.Written.Seconds
	r.Written.Usage = r.Written.Usage.Plus(o.Written.Usage)
	r.Read.add(o.Read)
}

// valueWord is the size of the words that a value is made of.
const valueWord = 8

// fillValue writes value number n: n in every word, and its first bytes in the rest at the end.
func fillValue(b []byte, n uint64) {
	for ; len(b) >= valueWord; b = b[valueWord:] {
		binary.LittleEndian.PutUint64(b, n)
	}
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
}

// valueNumber returns the number of value b, and whether all of it is of the same value.
func valueNumber(b []byte) (n uint64, whole bool) {
	n = binary.LittleEndian.Uint64(b)
	differ := uint64(0)
	for ; len(b) >= 4*valueWord; b = b[4*valueWord:] {
		differ |= binary.LittleEndian.Uint64(b) ^ n | binary.LittleEndian.Uint64(b[valueWord:]) ^ n |
			binary.LittleEndian.Uint64(b[2*valueWord:]) ^ n | binary.LittleEndian.Uint64(b[3*valueWord:]) ^ n
	}
	for ; len(b) >= valueWord; b = b[valueWord:] {
		differ |= binary.LittleEndian.Uint64(b) ^ n
	}
	for i, c := range b {
		differ |= uint64(c ^ byte(n>>(8*i)))
	}
	return n, differ == 0
}
