package registry

import (
	"maps"
	"math/rand/v2"
	"time"
)

// buryEach is how long, for each participant, all of them together may take to begin removing files of the dead.
const buryEach = time.Millisecond

// reap removes the files of the dead, or returns when to. Everybody who notices does it, but not all at the same moment:
// the participant file goes last, so where it is gone somebody else was first.
func (r *Registry) reap(now bool) (again time.Duration) {
	if len(r.dead) == 0 {
		r.reapAt = time.Time{}
		return lookPeriod
	}
	if r.reapAt.IsZero() {
		r.reapAt = time.Now().Add(rand.N(buryEach * time.Duration(1+len(r.order))))
	}
	if left := time.Until(r.reapAt); left > 0 && !now {
		return left
	}
	dead := maps.Clone(r.dead)
	clear(r.dead)
	r.reapAt = time.Time{}
	if r.readOnly() {
		return lookPeriod
	}
	maps.DeleteFunc(dead, func(id ID, named bool) bool { return named && r.isUnlinked(id) })
	if len(dead) == 0 {
		return lookPeriod
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
		return lookPeriod
	}
	news := false
	for id := range dead {
		news = news || !r.refused[id]
		r.refused[id] = true
	}
	if news {
		r.log.Warn("not everything that the dead left could be removed", "dir", r.dir, "err", err)
	}
	return lookPeriod
}
