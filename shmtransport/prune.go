package shmtransport

import (
	"slices"

	"github.com/shmbus/shmbus/internal/sigbus"
)

// ParticipantExited says that a participant's process is dead or has left: its publishers' rings do not change any more. That must be the
// kernel's word or the participant's own, because from then on they are read without anybody watching the marks. What is in
// the rings is still delivered, within EndedLimit.
func (r *Reader) ParticipantExited(participant uint64) {
	for _, l := range *r.links.Load() {
		if l.id.Participant == participant {
			l.gone.Store(true)
		}
	}
	r.Prune()
}

// Prune lets go of publishers that closed or whose participant exited, but for samples that are still to be received, within EndedLimit. What
// receives at the moment does it with the next sample.
func (r *Reader) Prune() {
	r.untidy.Store(true)
	r.Wake()
	if r.turn.tryTidy() {
		defer r.endTidy(sigbus.Guard())
		r.tidy()
	}
}

// Retry lets those publishers be tried again of which Failed heard a *MemoryError.
func (r *Reader) Retry() {
	r.mu.Lock()
	for _, l := range slices.Concat(*r.links.Load(), r.ended) {
		l.retry.Store(true)
	}
	r.mu.Unlock()
	r.Wake()
}

// tidy moves publishers that ended out of the links. Called with the turn.
func (r *Reader) tidy() {
	if r.closed.Load() {
		return
	}
	r.untidy.Store(false) // what ends from here on is another matter
	r.dropSpoiled()
	for _, l := range *r.links.Load() {
		if !l.ended() {
			continue
		}
		ok, _ := l.connected()
		switch {
		case ok && l.rest() == 0:
			r.end(l)
		case ok || l.starved:
			r.retire(l)
		}
	}
	r.makeRoom()
}
