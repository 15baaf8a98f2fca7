package meeting

import (
	"context"
	"errors"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// A notice is what the watcher says of another process.
type notice struct {
	PID  int   `json:"pid"`
	Died bool  `json:"died"` // or else it joined
	At   int64 `json:"at"`   // stamp
}

// Deaths measures on a stage how soon a process hears through Events that another was killed, for so many victims: from before
// the signal.
func Deaths(st *stage.Stage, victims int) (*distribution.Percentiles, error) {
	o := Order{Where: st.Where()}
	watcher, err := st.Ready(Watcher, o)
	if err != nil {
		return nil, err
	}
	c, delays := clock.New(), distribution.NewRecorder()
	for range victims {
		victim, err := st.Ready(Victim, o)
		if err != nil {
			return nil, err
		}
		if _, err := heard(watcher, victim, false); err != nil {
			return nil, err
		}
		killed := c.Now()
		if err := victim.Kill(); err != nil {
			return nil, err
		}
		at, err := heard(watcher, victim, true)
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

// heard waits until the watcher has noticed something of a victim.
func heard(watcher, victim *subproc.Child, died bool) (int64, error) {
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

// Watch is the role of the process that listens.
func Watch(ctx context.Context, d *subproc.Parent) error {
	return stage.Play(ctx, d, "watcher", func(ctx context.Context, at *stage.Post[Order]) (any, error) {
		if err := at.Ready(); err != nil {
			return nil, err
		}
		c := clock.New()
		for e := range at.Participant.Events(ctx) {
			switch e.Kind {
			case topic.Joined, topic.Died:
				if err := at.Reply(notice{PID: e.Participant.PID, Died: e.Kind == topic.Died, At: c.Now()}); err != nil {
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
	})
}

// Die is the role of a process that is there until it is killed.
func Die(ctx context.Context, d *subproc.Parent) error {
	return stage.Play(ctx, d, "victim", func(_ context.Context, at *stage.Post[Order]) (any, error) {
		if _, err := topic.NewPublisher[[]byte](at.Participant, "perf/victim", nil); err != nil {
			return nil, err
		}
		return nil, at.Ready()
	})
}
