package shmtransport

import (
	"github.com/shmbus/shmbus/internal/fault"
)

// Gone says that a participant's process is dead or has left: its publishers' rings do not change any more. That must be the
// kernel's word or the participant's own, because from then on they are read without anybody watching the marks. What is in
// the rings is still delivered, within MaxEnded.
func (r *Reader) Gone(participant uint64) {
	for _, l := range *r.links.Load() {
		if l.id.Participant == participant {
			l.gone.Store(true)
		}
	}
	r.Tidy()
}

// Tidy lets go of publishers that closed or are Gone, unless samples of them are to be received, of no more than MaxEnded.
// Receive and TryReceive do it too; a subscription that nobody receives from is tidied with this.
func (r *Reader) Tidy() {
	r.Wake()
	if r.turn.tryTidy() {
		defer r.endTidy(fault.Guard())
		r.tidy()
	}
}

// Retry lets those publishers be tried again of which Failed heard a *MemoryError.
func (r *Reader) Retry() {
	for _, l := range *r.links.Load() {
		l.retry.Store(true)
	}
	r.Wake()
}

// tidy gives up the links of publishers that are gone and have nothing more, and the oldest of the others when there are
// more than MaxEnded. Called with the turn.
func (r *Reader) tidy() {
	if r.closed.Load() {
		return
	}
	if r.spoiled.Load() {
		r.dropSpoiled()
	}
	var ended []*Link
	for _, l := range *r.links.Load() {
		if !l.ended() {
			continue
		}
		if ok, _ := l.connected(); ok && l.rest() == 0 {
			r.end(l)
		} else {
			ended = append(ended, l)
		}
	}
	for _, l := range ended[:max(0, len(ended)-r.opts.MaxEnded)] {
		l.lost += l.rest()
		r.end(l)
	}
}
