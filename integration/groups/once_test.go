//go:build linux

package groups

import (
	"cmp"
	"fmt"
	"slices"
)

// A turn is the work of one worker on one value.
type turn struct {
	worker       *workerProcess
	began, ended int64 // ended: of the step ending; 0: it did not come there
	acked        bool  // Ack has returned
	redelivered  bool
}

// turnsOf returns the turns of all workers, by value and in order of time.
func turnsOf(all []*workerProcess) map[int][]turn {
	turns := map[int][]turn{}
	for _, w := range all {
		open := map[int]turn{}
		for _, s := range w.steps() {
			u := open[s.Value]
			switch s.Phase {
			case began:
				u = turn{worker: w, began: s.At, redelivered: s.Redelivered}
			case ending:
				u.ended = s.At
			case acked:
				u.acked = true
			}
			open[s.Value] = u
		}
		for v, u := range open {
			turns[v] = append(turns[v], u)
		}
	}
	for _, u := range turns {
		slices.SortFunc(u, func(a, b turn) int { return cmp.Compare(a.began, b.began) })
	}
	return turns
}

// done reports whether a value needs no further work: it is acknowledged, or was perhaps just before its worker's death.
func done(turns []turn) bool {
	if len(turns) == 0 {
		return false
	}
	last := turns[len(turns)-1]
	return last.acked || last.ended != 0 && last.worker.killed != 0
}

// waiting counts the values from one on and below another that need further work.
func waiting(all []*workerProcess, from, to int) (n int) {
	turns := turnsOf(all)
	for v := from; v < to; v++ {
		if !done(turns[v]) {
			n++
		}
	}
	return n
}

// wrong compares the turns of a value with what a group promises: one turn; a further one only after the death of the worker before,
// marked, and not after Ack.
func wrong(turns []turn) (faults []string) {
	if !done(turns) {
		faults = append(faults, "not acknowledged")
	}
	for i, u := range turns {
		if i == 0 {
			continue
		}
		switch before := turns[i-1]; {
		case before.acked:
			faults = append(faults, "begun again after it was acknowledged")
		case before.worker.killed == 0 || u.began < before.worker.killed:
			faults = append(faults, "begun while another worker has it")
		case !u.redelivered:
			faults = append(faults, "not marked as redelivered")
		}
	}
	if len(faults) > 0 {
		faults = append(faults, fmt.Sprintf("%+v", turns))
	}
	return faults
}
