package crowd

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// A visit lasts longer than the interval of the periodic looks, so that every participant has the time to find the
// visitor.
const (
	visitLasts = 1500 * time.Millisecond
	visitEvery = 50 * time.Millisecond
)

// Visits are participants of one process that joined, published on a topic without subscribers, and left.
type Visits struct {
	Count int
	CPU   float64 // seconds that the other participants together used for one of them
	Idle  float64 // seconds that these use in a second without
}

// visit measures what the participants of the crowd spend on visitors, beyond what they spend while nothing happens.
func visit(st *stage.Stage, o Order, crowd []*subproc.Child) (Visits, error) {
	lasts := visitLasts + time.Duration(o.Visits)*visitEvery
	before, err := cpuOf(crowd)
	if err != nil {
		return Visits{}, err
	}
	began := time.Now()
	if err := rest(st.Crew.Context(), lasts); err != nil {
		return Visits{}, err
	}
	rested, err := cpuOf(crowd)
	if err != nil {
		return Visits{}, err
	}
	idle := (rested - before) / time.Since(began).Seconds()
	began = time.Now()
	visitor, err := st.Ready(Visitor, o)
	if err != nil {
		return Visits{}, err
	}
	if err := rest(st.Crew.Context(), visitLasts); err != nil { // the last is noticed to have left
		return Visits{}, err
	}
	after, err := cpuOf(crowd)
	if err != nil {
		return Visits{}, err
	}
	spent := after - rested - idle*time.Since(began).Seconds()
	return Visits{Count: o.Visits, CPU: max(spent, 0) / float64(o.Visits), Idle: idle}, stage.Finish(visitor)
}

// Visit is the role of the process of the visitors. It is ready when all of them have left.
func Visit(ctx context.Context, d *subproc.Parent) error {
	var o Order
	if err := d.Request(&o); err != nil {
		return err
	}
	left := make(chan error, o.Visits)
	for range o.Visits {
		p, err := stage.Join(o.Dir, "visitor")
		if err != nil {
			return err
		}
		if _, err := topic.NewPublisher[[]byte](p, "perf/visit", nil); err != nil {
			return err
		}
		time.AfterFunc(visitLasts, func() { left <- p.Close() })
		if err := rest(ctx, visitEvery); err != nil {
			return err
		}
	}
	for range o.Visits {
		if err := <-left; err != nil {
			return err
		}
	}
	if err := d.Ready(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// account answers each line with what this process used so far, until ctx is done.
func account(ctx context.Context, d *subproc.Parent) error {
	for {
		select {
		case <-d.Messages():
			u, err := usage.Now()
			if err != nil {
				return err
			}
			if err := d.Reply(u); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// cpuOf asks processes how much CPU time they used, in seconds.
func cpuOf(all []*subproc.Child) (seconds float64, err error) {
	for _, c := range all {
		var u usage.Usage
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

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
