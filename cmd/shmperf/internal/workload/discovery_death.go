package workload

import (
	"context"
	"errors"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// A notice is an event of the watcher.
type notice struct {
	PID  int   `json:"pid"`
	Died bool  `json:"died"` // false: it joined
	At   int64 `json:"at"`   // stamp
}

// Deaths measures in an environment in parent the delay from before SIGKILL of a process until Events of another process reports its
// death, for a number of victims.
func Deaths(ctx context.Context, parent string, victims int) (p *measure.Percentiles, err error) {
	err = harness.Run(ctx, parent, func(env *harness.Environment) (err error) {
		p, err = deaths(env, victims)
		return err
	})
	return p, err
}

func deaths(env *harness.Environment, victims int) (*measure.Percentiles, error) {
	d := Discovery{Location: env.Location()}
	watcher, err := env.StartReady(discoveryWatcher, d)
	if err != nil {
		return nil, err
	}
	c, delays := clock.New(), measure.NewRecorder()
	for range victims {
		victim, err := env.StartReady(discoveryVictim, d)
		if err != nil {
			return nil, err
		}
		if _, err := awaitNotice(watcher, victim, false); err != nil {
			return nil, err
		}
		killed := c.Now()
		if err := victim.Kill(); err != nil {
			return nil, err
		}
		at, err := awaitNotice(watcher, victim, true)
		if err != nil {
			return nil, err
		}
		delays.Record(at - killed)
		if err := victim.Finish(); err != nil {
			return nil, err
		}
	}
	return delays.Result(), watcher.Finish()
}

// awaitNotice waits for the watcher's notice of a victim and returns its stamp.
func awaitNotice(watcher, victim *subproc.Child, died bool) (int64, error) {
	for {
		var n notice
		if err := watcher.Next(&n); err != nil {
			return 0, err
		}
		if n.PID == victim.PID() && n.Died == died {
			return n.At, nil
		}
	}
}

func watchEvents(ctx context.Context, w *harness.Worker[Discovery]) (any, error) {
	if err := w.Ready(); err != nil {
		return nil, err
	}
	c := clock.New()
	for e := range w.Participant.Events(ctx) {
		switch e.Kind {
		case topic.Joined, topic.Died:
			if err := w.Reply(notice{PID: e.Participant.PID, Died: e.Kind == topic.Died, At: c.Now()}); err != nil {
				return nil, err
			}
		case topic.EventsDropped:
			return nil, e.Err
		}
	}
	if ctx.Err() == nil {
		return nil, errors.New("the events ended")
	}
	return nil, nil
}

func awaitKill(ctx context.Context, w *harness.Worker[Discovery]) (any, error) {
	if _, err := topic.NewPublisher[[]byte](ctx, w.Participant, "perf/victim", nil); err != nil {
		return nil, err
	}
	return nil, w.Ready()
}
