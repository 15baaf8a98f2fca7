package workload

import (
	"context"
	"runtime"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/clock"
)

// codecProcess is the name of the role.
const codecProcess = "codec"

const codecTopic = "perf/codec"

// The encodings.
const (
	CBOR    = "cbor"
	MsgPack = "msgpack"
)

// The values.
const (
	SmallValue = "imu"
	LargeValue = "objects"
)

// A Codec is typed messages that are published and received, beside their serialization alone by the library, with the same value, in
// the same process and goroutine.
type Codec struct {
	harness.Location
	Encoding string        `json:"encoding"`
	Value    string        `json:"value"`
	Rounds   int           `json:"rounds"`
	Count    uint64        `json:"count"`    // messages of each way in each round, 0: until Duration ends
	Duration time.Duration `json:"duration"` // of each way in each round, 0: until Count is reached
}

// A CodecWay is the cost of one way of a value in one round.
type CodecWay struct {
	Count  uint64 `json:"count"`
	Nanos  int64  `json:"nanos"` // of all of them
	Allocs uint64 `json:"allocs"`
}

// A CodecRound is all ways in immediate succession.
type CodecRound struct {
	Alone CodecWay `json:"alone"` // Marshal and Unmarshal of the library
	Serde CodecWay `json:"serde"` // the encoder and decoder of the bus, without the bus
	Bus   CodecWay `json:"bus"`   // Publish, TryReceive, Value and Release
}

// A CodecResult is the figures of the process.
type CodecResult struct {
	Bytes  int           `json:"bytes"` // of the payload
	Rounds []CodecRound  `json:"rounds"`
	Usage  measure.Usage `json:"usage"`
}

// Run measures in an environment in parent.
func (o Codec) Run(ctx context.Context, parent string) (r CodecResult, err error) {
	err = harness.Run(ctx, parent, func(env *harness.Environment) error {
		o.Location = env.Location()
		return env.RunOne(codecProcess, o, &r)
	})
	return r, err
}

// valuesPerClockRead is the number of values between two readings of the clock.
const valuesPerClockRead = 16

// repeat measures one way. It first collects the garbage of the previous ways, which would otherwise slow this one.
func (o *Codec) repeat(ctx context.Context, way func() error) (CodecWay, error) {
	runtime.GC()
	before, err := measure.ReadUsage()
	if err != nil {
		return CodecWay{}, err
	}
	c, n := clock.New(), uint64(0)
	began := c.Now()
	for last := false; !last; {
		if err := way(); err != nil {
			return CodecWay{}, err
		}
		n++
		check := n%valuesPerClockRead == 0
		if check && ctx.Err() != nil {
			return CodecWay{}, ctx.Err()
		}
		last = o.Count > 0 && n == o.Count || check && o.Duration > 0 && time.Duration(c.Now()-began) >= o.Duration
	}
	nanos := c.Now() - began
	after, err := measure.ReadUsage()
	return CodecWay{Count: n, Nanos: nanos, Allocs: after.Since(before).Allocs}, err
}
