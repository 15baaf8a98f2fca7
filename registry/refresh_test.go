//go:build linux

package registry

import (
	"slices"
	"time"
)

// refresh scans the whole domain without its hints, and removes the files of dead participants at once.
func (r *Registry) refresh() error {
	r.scanning.Lock()
	r.hints.known = false // so that the directory is listed and every participant examined
	r.reapAt = time.Now() // instead of at a random moment
	again, err := r.scanLocked(regular)
	r.scanning.Unlock()
	if again < scanPeriod {
		r.wakeLoop()
	}
	return err
}

// participants returns the known participants, this one included, in the order of joining.
func (r *Registry) participants() (all []Participant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.peers {
		if !k.invalid {
			p := k.alive()
			p.Endpoints = k.endpoints()
			all = append(all, p)
		}
	}
	slices.SortFunc(all, bySince)
	return all
}

// isAlive reports whether a participant is known and the kernel says that its process lives.
func (r *Registry) isAlive(id ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.peers[id]
	if k == nil || k.invalid {
		return false
	}
	locked, err := k.file.Locked()
	return err != nil || locked
}
