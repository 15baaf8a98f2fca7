package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// turnTimeout bounds one turn.
const turnTimeout = 20 * time.Second

// A Key names a runner of a workload.
type Key struct{ Workload, Runner string }

// A Turn is one run. Turns of one round and group follow each other immediately.
type Turn struct {
	Round, Group int
	Probed       Probed // before the group
	Figures      figures.Figures
}

// A Record is the turns of a runner up to its first error.
type Record struct {
	Turns   []Turn
	Missing *proc.MissingError
	Err     error
	late    error // of a turn that took too long
}

// Results are the records of all runners.
type Results map[Key]*Record

// Interleave runs the workloads in rounds. Each peer runs immediately before or after shmbus, and all workloads take turns in each round:
// a machine that becomes slower becomes slower for all. A runner whose turn fails has no further turn, and its error is in the results. A turn that takes too long, on a
// machine with other work, is left out; without any other turn of the runner that is its error.
// The probe runs before each group. The error is that of a context that ended. Interleave calls say after each turn.
func Interleave(ctx context.Context, workloads []Workload, rounds int, probe Probe, say func(string)) (Results, error) {
	r := Results{}
	present := make([][]Peer, len(workloads))
	for i, w := range workloads {
		for _, p := range w.Peers {
			if r.installed(ctx, Key{w.Key, p.Name}, p.Runner) {
				present[i] = append(present[i], p)
			}
		}
	}
	for round := range rounds {
		for i, w := range workloads {
			for group, runners := range groupsOf(w.Ours, present[i], round%2 == 1) {
				probed, err := probe(ctx)
				if err != nil {
					probed = Probed{}
				}
				at := Turn{Round: round, Group: group, Probed: probed}
				for _, runner := range runners {
					if ctx.Err() != nil {
						return r, ctx.Err()
					}
					r.turn(ctx, turnTimeout, Key{w.Key, runner.Name}, runner, at, func(said string) {
						say(fmt.Sprintf("%d/%d %s %s: %s: %s", round+1, rounds, RegimeOf(probed.Spin), w.Key, runner.Name, said))
					})
				}
			}
		}
	}
	r.end()
	return r, ctx.Err()
}

// end makes late turns the error of runners that had no other turns.
func (r Results) end() {
	for _, record := range r {
		if len(record.Turns) == 0 && record.Err == nil {
			record.Err = record.late
		}
	}
}

func (r Results) record(k Key) *Record {
	if r[k] == nil {
		r[k] = &Record{}
	}
	return r[k]
}

func (r Results) installed(ctx context.Context, k Key, runner Runner) bool {
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

// groupsOf puts the runners of shmbus between every two peers. Every other round is reversed, so that no runner is always the first.
func groupsOf(ours []Runner, peers []Peer, backwards bool) (groups [][]Runner) {
	if len(peers) == 0 {
		return [][]Runner{ours}
	}
	for pair := range slices.Chunk(peers, 2) {
		group := slices.Concat([]Runner{pair[0].Runner}, ours)
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

func (r Results) turn(ctx context.Context, timeout time.Duration, k Key, runner Runner, at Turn, say func(string)) {
	record := r.record(k)
	if record.Err != nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	f, err := runner.Run(limited)
	switch {
	case ctx.Err() != nil: // the cause of every other error
	case err != nil && limited.Err() != nil:
		record.late = fmt.Errorf("round %d: %w", at.Round+1, err)
		say(err.Error())
	case err != nil:
		record.Err = fmt.Errorf("round %d: %w", at.Round+1, err)
		say(err.Error())
	default:
		at.Figures = f
		record.Turns = append(record.Turns, at)
		say(shown(f))
	}
}

// shown is the first of these figures that was measured.
func shown(f figures.Figures) string {
	for _, name := range []string{figures.P50, figures.Publish, figures.Reads, figures.Msgs, figures.OnePair} {
		if v, ok := f[name]; ok {
			return figures.Show(name, v)
		}
	}
	return "done"
}
