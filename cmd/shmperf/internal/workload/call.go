package workload

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/subproc"
)

// The names of the roles.
const (
	callServer      = "call-server"
	callClient      = "call-client"
	callStuckClient = "call-stuck-client"
)

// callService is the service of every call.
const callService = "perf/call"

// A Call is round trips from client processes to a server process. All processes get it as their request.
//
// Each client makes its calls one after the other. When the warm-up of all clients is over, the measurement begins.
type Call struct {
	harness.Location
	Size         int           `json:"size"`          // of a request
	ResponseSize int           `json:"response_size"` // if it is Size, the server returns the request
	Clients      int           `json:"clients"`       // one of them is stuck if Stuck
	Stuck        bool          `json:"stuck"`         // one client opens all calls that it can, and never receives a response
	Count        uint64        `json:"count"`         // calls of each client after the warm-up, 0: until Duration ends
	Warm         uint64        `json:"warm"`
	Duration     time.Duration `json:"duration"` // 0: until Count is reached
	Rate         float64       `json:"rate"`     // calls per second of each client, 0: the next when the response has come
	Wait         string        `json:"wait"`     // of both sides
	TouchOne     bool          `json:"touch_one"`
}

// CallMade are the figures of a client.
type CallMade struct {
	Count uint64               `json:"count"`
	Began int64                `json:"began"` // stamp
	Ended int64                `json:"ended"` // stamp
	Usage measure.Usage        `json:"usage"`
	Trips *measure.Percentiles `json:"trips"` // from before the request was published until the response was read
}

// A CallResult is the figures of all processes.
type CallResult struct {
	Count uint64
	PerS  float64
	Trips *measure.Percentiles // the medians of the clients' percentiles
	Usage measure.Usage
}

// Run measures in an environment in parent.
func (c Call) Run(ctx context.Context, parent string) (r CallResult, err error) {
	err = harness.Run(ctx, parent, func(env *harness.Environment) error {
		c.Location = env.Location()
		server, err := env.StartReady(callServer, c)
		if err != nil {
			return err
		}
		all := []*subproc.Child{server}
		calling := c.Clients
		if c.Stuck {
			calling--
			stuck, err := env.StartReady(callStuckClient, c)
			if err != nil {
				return err
			}
			defer stuck.Finish()
		}
		for range calling {
			client, err := env.Start(callClient, c)
			if err != nil {
				return err
			}
			all = append(all, client)
		}
		for _, client := range all[1:] {
			if err := client.Ready(); err != nil {
				return err
			}
		}
		return c.measure(all, &r)
	})
	return r, err
}

// measure begins the measurement in all processes, of which the first is the server, and takes their figures.
func (c Call) measure(all []*subproc.Child, r *CallResult) error {
	for _, p := range all {
		if err := p.Send("begin"); err != nil {
			return err
		}
	}
	var trips []*measure.Percentiles
	for _, client := range all[1:] {
		var made CallMade
		if err := client.Next(&made); err != nil {
			return err
		}
		r.Count += made.Count
		r.PerS += float64(made.Count) * 1e9 / float64(made.Ended-made.Began)
		r.Usage = r.Usage.Plus(made.Usage)
		trips = append(trips, made.Trips)
	}
	r.Trips = measure.Medians(trips)
	if err := all[0].Send("end"); err != nil {
		return err
	}
	var used measure.Usage
	if err := all[0].Next(&used); err != nil {
		return err
	}
	r.Usage = r.Usage.Plus(used)
	return harness.Finish(all...)
}

// spinOfCalls returns the option Spin of a client or server.
func (c Call) spinOfCalls() time.Duration {
	if c.Wait == WaitPoll {
		return time.Hour
	}
	return spinTime(c.Wait)
}
