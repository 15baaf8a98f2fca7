package hop

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
)

// The names of the roles.
const (
	Bouncer   = "hop-bouncer"
	Publisher = "hop-publisher"
)

// An Order says what to measure. Both processes get it.
type Order struct {
	stage.Where
	Receivers int           `json:"receivers"` // goroutines that wait, each for a topic of its own
	Topics    int           `json:"topics"`    // that are published, whether somebody waits or not
	Procs     int           `json:"procs"`     // GOMAXPROCS of the process that hops
	Rate      float64       `json:"rate"`      // messages per second and topic, 0: none
	Size      int           `json:"size"`
	Wait      string        `json:"wait"`
	Pause     time.Duration `json:"pause"`    // before each two hops
	Count     uint64        `json:"count"`    // hops after warming up, 0: until Duration ends
	Warm      uint64        `json:"warm"`     // hops before that
	Duration  time.Duration `json:"duration"` // 0: until Count is reached
}

// A Result is what the process found that hops.
type Result struct {
	Count    uint64                    `json:"count"`
	Seconds  float64                   `json:"seconds"`
	Hops     *distribution.Percentiles `json:"hops"`
	Received uint64                    `json:"received"` // messages meanwhile, by all receivers
	Usage    usage.Usage               `json:"usage"`
}

// Run measures on a stage of its own in parent.
func Run(ctx context.Context, parent string, o Order) (r Result, err error) {
	err = stage.On(ctx, parent, func(st *stage.Stage) error {
		o.Where = st.Where()
		bouncer, err := st.Ready(Bouncer, o)
		if err != nil {
			return err
		}
		publisher, err := st.Ready(Publisher, o)
		if err != nil {
			return err
		}
		if err := bouncer.Send("begin"); err != nil {
			return err
		}
		if err := bouncer.Next(&r); err != nil {
			return err
		}
		return stage.Finish(bouncer, publisher)
	})
	return r, err
}
