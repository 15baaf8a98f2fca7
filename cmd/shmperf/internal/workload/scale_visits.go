package workload

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// A visit lasts longer than the interval of the periodic scans, so that every participant has the time to find the visitor.
const (
	visitDuration = 1500 * time.Millisecond
	visitInterval = 50 * time.Millisecond
)

// ScaleVisits are the cost of participants of another process that join, publish on a topic without subscribers, and leave.
type ScaleVisits struct {
	Count int
	CPU   float64 // seconds that the other participants together used for one visit
	Idle  float64 // seconds that they use in a second without visits
}

// measureVisits measures what processes spend on visits, beyond what they spend while nothing happens.
func measureVisits(env *harness.Environment, visits int, all []*subproc.Child) (ScaleVisits, error) {
	ctx, duration := env.Processes.Context(), visitDuration+time.Duration(visits)*visitInterval
	before, err := cpuOf(all)
	if err != nil {
		return ScaleVisits{}, err
	}
	began := time.Now()
	if err := sleep(ctx, duration); err != nil {
		return ScaleVisits{}, err
	}
	rested, err := cpuOf(all)
	if err != nil {
		return ScaleVisits{}, err
	}
	idle := (rested - before) / time.Since(began).Seconds()
	began = time.Now()
	visitor, err := env.StartReady(scaleVisitor, Scale{Dir: env.Dir, Visits: visits})
	if err != nil {
		return ScaleVisits{}, err
	}
	if err := sleep(ctx, visitDuration); err != nil { // until the last leave is noticed
		return ScaleVisits{}, err
	}
	after, err := cpuOf(all)
	if err != nil {
		return ScaleVisits{}, err
	}
	spent := after - rested - idle*time.Since(began).Seconds()
	return ScaleVisits{Count: visits, CPU: max(spent, 0) / float64(visits), Idle: idle}, harness.Finish(visitor)
}

// visitDomain is the role of the process of the visitors. It is ready when all of them have left.
func visitDomain(ctx context.Context, parent *subproc.Parent) error {
	var o Scale
	if err := parent.Request(&o); err != nil {
		return err
	}
	left := make(chan error, o.Visits)
	for range o.Visits {
		p, err := harness.Join(o.Dir, "visitor")
		if err != nil {
			return err
		}
		if _, err := topic.NewPublisher[[]byte](ctx, p, "perf/visit", nil); err != nil {
			return err
		}
		time.AfterFunc(visitDuration, func() { left <- p.Close() })
		if err := sleep(ctx, visitInterval); err != nil {
			return err
		}
	}
	for range o.Visits {
		if err := <-left; err != nil {
			return err
		}
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// reportUsage answers each message with what this process has used so far, until ctx is done.
func reportUsage(ctx context.Context, parent *subproc.Parent) error {
	for {
		select {
		case <-parent.Messages():
			u, err := measure.ReadUsage()
			if err != nil {
				return err
			}
			if err := parent.Reply(u); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// cpuOf asks processes for their CPU time in seconds.
func cpuOf(all []*subproc.Child) (seconds float64, err error) {
	for _, c := range all {
		var u measure.Usage
		if err := c.Send(true); err != nil {
			return 0, err
		}
		if err := c.Next(&u); err != nil {
			return 0, err
		}
		seconds += u.CPU
	}
	return seconds, nil
}
