package pair

import (
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
)

// The ways to wait for a message.
const (
	Poll  = "poll"  // TryReceive in a loop
	Spin  = "spin"  // Receive that never sleeps
	Block = "block" // Receive that sleeps at once
)

// Spinning returns the subscriber option that makes Receive wait in that way.
func Spinning(wait string) time.Duration {
	switch wait {
	case Spin:
		return time.Hour
	case Block:
		return -1
	}
	return 0
}

// An Order says what to measure. Both processes get it.
type Order struct {
	stage.Where
	Size     int           `json:"size"`
	Count    uint64        `json:"count"`    // of messages after warming up, 0: until Duration ends
	Warm     uint64        `json:"warm"`     // messages before that, at least 1
	Duration time.Duration `json:"duration"` // 0: until Count is reached
	Rate     float64       `json:"rate"`     // messages per second, 0: as fast as it goes
	Wait     string        `json:"wait"`
	Depth    int           `json:"depth"`
	Batch    int           `json:"batch"` // messages published and received at once, 0: each by itself
	Lossless bool          `json:"lossless"`
	Answered bool          `json:"answered"` // the sender waits until the receiver is done with each message
	Timed    bool          `json:"timed"`    // the receiver times each message
	Loan     bool          `json:"loan"`     // the sender writes the payload in place
	Copy     bool          `json:"copy"`     // the receiver copies the payload out first
	TouchOne bool          `json:"touch_one"`
}

// Sent is what the sender found.
type Sent struct {
	Count  uint64                    `json:"count"`
	Began  int64                     `json:"began"` // stamp
	Usage  usage.Usage               `json:"usage"`
	Memory uint64                    `json:"memory"` // bytes of its ring and slots
	Waited uint64                    `json:"waited"` // publishes that had to wait for the receiver
	Took   *distribution.Percentiles `json:"took"`   // by publishing, where messages are timed
}

// Got is what the receiver found.
type Got struct {
	Count  uint64                    `json:"count"`
	Lost   uint64                    `json:"lost"`
	Ended  int64                     `json:"ended"` // stamp
	Usage  usage.Usage               `json:"usage"`
	Delays *distribution.Percentiles `json:"delays"` // from the sample's stamp
	Totals *distribution.Percentiles `json:"totals"` // from before the payload was written
}
