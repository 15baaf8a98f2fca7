package shmtransport

import (
	"slices"

	"github.com/shmbus/shmbus/internal/sigbus"
)

// ParticipantExited tells the Reader that a participant has left or its process has exited, so that its publishers'
// rings do not change any more. The kernel or the participant itself must have said so, because the rings are read
// without marks from then on. The samples in them are still delivered, within EndedLimit.
func (r *Reader) ParticipantExited(participant uint64) {
	for _, l := range *r.links.Load() {
		if l.id.Participant == participant {
			l.exited.Store(true)
		}
	}
	r.Prune()
}

// Prune removes publishers that closed or whose participant exited. Their remaining samples can still be received,
// within EndedLimit. If another goroutine is receiving, it does so with its next sample.
func (r *Reader) Prune() {
	r.needsPrune.Store(true)
	r.Wake()
	for faulted := true; faulted; {
		faulted = r.tryPrune()
	}
}

func (r *Reader) tryPrune() (faulted bool) {
	if r.lock.tryAcquireToPrune() {
		defer r.endGuarded(sigbus.Guard(), new(Sample), nil, nil, &faulted)
		r.prune()
	}
	return false
}

// Retry makes the Reader try again the publishers for which Failed was called with a *errdefs.MemoryError.
func (r *Reader) Retry() {
	r.mu.Lock()
	for _, l := range slices.Concat(*r.links.Load(), r.ended) {
		l.retry.Store(true)
	}
	r.mu.Unlock()
	r.Wake()
}

// prune moves publishers that ended out of the links. Called with the lock.
func (r *Reader) prune() {
	if r.closed.Load() {
		return
	}
	r.needsPrune.Store(false) // later ends set it again
	r.removeFaulted()
	for _, l := range *r.links.Load() {
		if !l.ended() {
			continue
		}
		ok, _ := l.beginIfReady()
		switch {
		case ok && l.untaken() == 0:
			r.endLink(l)
		case ok || l.phase == linkStarved:
			r.queueEnded(l)
		}
	}
	r.dropOverLimit()
}
