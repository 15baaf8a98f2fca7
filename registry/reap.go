package registry

import (
	"maps"
	"math/rand/v2"
	"time"
)

// reapEach times the number of participants is the span in which each of them picks its moment to remove the files.
const reapEach = time.Millisecond

// reap removes the files of dead participants, or returns the time until it must do so. Every participant that finds a dead one
// does it, at random moments: the participant file goes last, so if it is gone, another process was first.
func (r *Registry) reap() (again time.Duration) {
	if len(r.dead) == 0 {
		r.reapAt = time.Time{}
		return scanPeriod
	}
	if r.reapAt.IsZero() {
		r.reapAt = time.Now().Add(rand.N(reapEach * time.Duration(1+len(r.order))))
	}
	if left := time.Until(r.reapAt); left > 0 {
		return left
	}
	dead := maps.Clone(r.dead)
	clear(r.dead)
	r.reapAt = time.Time{}
	if r.readOnly() {
		return scanPeriod
	}
	maps.DeleteFunc(dead, func(id ID, named bool) bool { return named && r.isUnlinked(id) })
	if len(dead) == 0 {
		return scanPeriod
	}
	for id := range dead {
		dead[id] = true
	}
	c := removeFiles(r.dir, dead, false)
	if len(c.removed) != 0 {
		r.log.Info("removed what the dead left", "dir", r.dir, "files", len(c.removed))
	}
	err := c.err()
	if err == nil {
		return scanPeriod
	}
	news := false
	for id := range dead {
		news = news || !r.refused[id]
		r.refused[id] = true
	}
	if news {
		r.log.Warn("not everything that the dead left could be removed", "dir", r.dir, "err", err)
	}
	return scanPeriod
}
