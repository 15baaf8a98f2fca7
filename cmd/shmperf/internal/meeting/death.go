package meeting

import (
	"context"
	"errors"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/crew"
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
	o := Order{Dir: st.Dir}
	watcher, err := st.Crew.Start(Watcher, o)
	if err != nil {
		return nil, err
	}
	if err := watcher.Ready(); err != nil {
		return nil, err
	}
	c, delays := clock.New(), distribution.NewRecorder()
	for range victims {
		victim, err := st.Crew.Start(Victim, o)
		if err != nil {
			return nil, err
		}
		if err := victim.Ready(); err != nil {
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
func heard(watcher, victim *crew.Child, died bool) (int64, error) {
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
func Watch(ctx context.Context, d *crew.Desk) error {
	var o Order
	if err := d.Order(&o); err != nil {
		return err
	}
	p, err := stage.Join(o.Dir, "watcher")
	if err != nil {
		return err
	}
	defer p.Close()
	if err := d.Ready(); err != nil {
		return err
	}
	c := clock.New()
	for e := range p.Events(ctx) {
		switch e.Kind {
		case topic.Joined, topic.Died:
			if err := d.Reply(notice{PID: e.Participant.PID, Died: e.Kind == topic.Died, At: c.Now()}); err != nil {
				return err
			}
		case topic.Missed:
			return e.Err
		}
	}
	if ctx.Err() == nil {
		return errors.New("the events ended")
	}
	return nil
}

// Die is the role of a process that is there until it is killed.
func Die(ctx context.Context, d *crew.Desk) error {
	var o Order
	if err := d.Order(&o); err != nil {
		return err
	}
	p, err := stage.Join(o.Dir, "victim")
	if err != nil {
		return err
	}
	defer p.Close()
	if _, err := topic.NewPublisher[[]byte](p, "perf/victim", nil); err != nil {
		return err
	}
	if err := d.Ready(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
