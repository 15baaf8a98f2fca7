package shmtransport

// Overwritten says that a publisher has overwritten samples before they were taken. Stats and Sample.Lost count them with the next sample that
// is taken of this publisher.
type Overwritten struct {
	Publisher PublisherID
	UserData  any    // of ConnectOptions
	Samples   uint64 // at least so many
}

// Overwritten returns what publishers have overwritten and no count has yet, for a caller that takes nothing for a while. It takes no sample
// and does not wait for a goroutine that does; for each publisher it loads two words. Of a publisher with keys, as many samples as it may have
// keys are not counted, because the newest of each key is still to be taken. It does not apply to a subscription that uses Latest, for which
// what it passes over is not lost.
func (r *Reader) Overwritten() (all []Overwritten) {
	r.mu.Lock() // a link in r.links or r.ended is mapped while mu is held
	defer r.mu.Unlock()
	for _, links := range [][]*Link{*r.links.Load(), r.ended} {
		for _, l := range links {
			if n := l.overwritten(); n > 0 {
				all = append(all, Overwritten{l.id, l.userData, n})
			}
		}
	}
	return all
}

// overwritten returns the number of samples that left the ring and were not taken, according to the head. A head that no publisher can have
// reached counts as none. The link must be mapped.
func (l *Link) overwritten() (n uint64) {
	if l.kept != nil {
		for _, k := range l.kept[min(l.cursorWord.Load(), uint64(len(l.kept))):] {
			n += k.lost
		}
		return n
	}
	l.guarded(func() {
		next := l.cursorWord.Load()
		if next == 0 { // nothing was taken since the admission
			start, ok := l.findAdmission()
			if !ok {
				return
			}
			next = max(start, 1)
		}
		inRing := uint64(l.ring.Depth() + len(l.keyTable))
		if head := l.head.Load(); head >= next && head-next < 1<<40 && head+1-next > inRing {
			n = head + 1 - next - inRing
		}
	})
	return n
}
