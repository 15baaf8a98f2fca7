package shmtransport

// ResetTimeout resets the lossless timeout of a reader that takes nothing on purpose: publishes go on waiting for it, as if it had taken a
// sample. The process of such a reader says so again and again; one that is stopped does not, so publishes do not wait for it for ever. For a
// reader that is suspended already, and for one that is not lossless, it does nothing. It does not wait for a goroutine that receives.
func (r *Reader) ResetTimeout() {
	r.mu.Lock() // the page of a link in r.links is the link's while mu is held
	defer r.mu.Unlock()
	for _, l := range *r.links.Load() {
		l.resets.Add(1)
	}
}

// wasReset reports whether a reader has reset its timeout since the last call. Called with the Writer's mu held.
func (r *remoteReader) wasReset() bool {
	n := r.load32(r.resets)
	reset := n != r.seenResets
	r.seenResets = n
	return reset
}
