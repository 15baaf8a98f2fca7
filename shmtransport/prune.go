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
			l.exited.Store(true)
		}
	}
	r.Prune()
}

// Prune lets go of publishers that closed or whose participant exited, but for samples that are still to be received, within EndedLimit. What
// receives at the moment does it with the next sample.
func (r *Reader) Prune() {
	r.needsPrune.Store(true)
	r.Wake()
	if r.lock.tryAcquireToPrune() {
		defer r.endPrune(sigbus.Guard())
		r.prune()
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

// prune moves publishers that ended out of the links. Called with the turn.
func (r *Reader) prune() {
	if r.closed.Load() {
		return
	}
	r.needsPrune.Store(false) // what ends from here on is another matter
	r.removeFaulted()
	for _, l := range *r.links.Load() {
		if !l.ended() {
			continue
		}
		ok, _ := l.beginIfReady()
		switch {
		case ok && l.untaken() == 0:
			r.endLink(l)
		case ok || l.starved:
			r.queueEnded(l)
		}
	}
	r.dropOverLimit()
}
