package codec

import (
	"context"
	"errors"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
)

// Role is the name of the role.
const Role = "codec"

// The encodings.
const (
	CBOR    = "cbor"
	MsgPack = "msgpack"
)

// The values.
const (
	Small = "imu"
	Large = "objects"
)

// An Order says what to measure.
type Order struct {
	stage.Where
	Encoding string        `json:"encoding"`
	Value    string        `json:"value"`
	Rounds   int           `json:"rounds"`
	Count    uint64        `json:"count"`    // messages of each way in each round, 0: until Duration ends
	Duration time.Duration `json:"duration"` // of each way in each round, 0: until Count is reached
}

// A Way is what one way to bring a value from here to there cost in one round.
type Way struct {
	Count  uint64 `json:"count"`
	Nanos  int64  `json:"nanos"` // of all of them
	Allocs uint64 `json:"allocs"`
}

// A Round is all ways, one right after the other.
type Round struct {
	Alone Way `json:"alone"` // the library's Marshal and Unmarshal
	Serde Way `json:"serde"` // the encoder and decoder that the bus uses, without the bus
	Bus   Way `json:"bus"`   // Publish, TryReceive, Value and Release
}

// A Result is what was found.
type Result struct {
	Bytes  int         `json:"bytes"` // of the payload
	Rounds []Round     `json:"rounds"`
	Usage  usage.Usage `json:"usage"`
}

// Run measures on a stage of its own in parent.
func Run(ctx context.Context, parent string, o Order) (r Result, err error) {
	err = stage.On(ctx, parent, func(st *stage.Stage) error {
		o.Where = st.Where()
		process, err := st.Crew.Start(Role, o)
		if err != nil {
			return err
		}
		return errors.Join(process.Next(&r), process.Finish())
	})
	return r, err
}
