package rounds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/missing"
	"github.com/shmbus/shmbus/bench/internal/plan"
)

// limit is how long one turn may take.
const limit = 20 * time.Second

// A Key is somebody in a workload.
type Key struct{ Workload, Who string }

// A Turn is one run. Turns of one round and group came one right after the other.
type Turn struct {
	Round, Group int
	Figures      figures.Figures
}

// A Record is what somebody did, until all rounds were over or something went wrong.
type Record struct {
	Turns   []Turn
	Missing *missing.Error
	Err     error
}

// Results are everybody's records.
type Results map[Key]*Record

// Play plays rounds. What goes wrong is in the results, and whose turn it was has no other; the error is that of a context that ended.
// Say is told about each turn.
func Play(ctx context.Context, workloads []plan.Workload, rounds int, say func(string)) (Results, error) {
	r := Results{}
	present := make([][]plan.Peer, len(workloads))
	for i, w := range workloads {
		for _, p := range w.Peers {
			if r.installed(ctx, Key{w.Key, p.Name}, p.Runner) {
				present[i] = append(present[i], p)
			}
		}
	}
	for round := range rounds {
		for i, w := range workloads {
			for group, runners := range line(w.Ours, present[i], round%2 == 1) {
				for _, runner := range runners {
					if ctx.Err() != nil {
						return r, ctx.Err()
					}
					r.turn(ctx, Key{w.Key, runner.Name}, runner, round, group, func(said string) {
						say(fmt.Sprintf("%d/%d %s: %s: %s", round+1, rounds, w.Key, runner.Name, said))
					})
				}
			}
		}
	}
	return r, ctx.Err()
}

func (r Results) record(k Key) *Record {
	if r[k] == nil {
		r[k] = &Record{}
	}
	return r[k]
}

func (r Results) installed(ctx context.Context, k Key, runner plan.Runner) bool {
	if runner.Installed == nil {
		return true
	}
	err := runner.Installed(ctx)
	if err == nil {
		return true
	}
	if !errors.As(err, &r.record(k).Missing) {
		r.record(k).Err = err
	}
	return false
}

// line puts us between every two peers. Every other round goes the other way, so that nobody is always the first.
func line(ours []plan.Runner, peers []plan.Peer, backwards bool) (groups [][]plan.Runner) {
	if len(peers) == 0 {
		return [][]plan.Runner{ours}
	}
	for pair := range slices.Chunk(peers, 2) {
		group := slices.Concat([]plan.Runner{pair[0].Runner}, ours)
		if len(pair) == 2 {
			group = append(group, pair[1].Runner)
		}
		if backwards {
			slices.Reverse(group)
		}
		groups = append(groups, group)
	}
	return groups
}

func (r Results) turn(ctx context.Context, k Key, runner plan.Runner, round, group int, say func(string)) {
	record := r.record(k)
	if record.Err != nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	f, err := runner.Run(limited)
	switch {
	case ctx.Err() != nil: // whatever went wrong, that is why
	case err != nil:
		record.Err = fmt.Errorf("round %d: %w", round+1, err)
		say(err.Error())
	default:
		record.Turns = append(record.Turns, Turn{Round: round, Group: group, Figures: f})
		say(shown(f))
	}
}

// shown is the first of these that there is.
func shown(f figures.Figures) string {
	for _, name := range []string{figures.P50, figures.Publish, figures.Reads, figures.Msgs} {
		if v, ok := f[name]; ok {
			return figures.Show(name, v)
		}
	}
	return "done"
}
