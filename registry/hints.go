package registry

// hints is the content of the registry file when it was last read.
type hints struct {
	known   bool // the fields were read, and the scans since then followed them
	all     uint32
	changes [places]uint32
	ahead   int        // joins and leaves that were found before their ring was counted
	gone    [places]ID // by place: the last participant that left; its id may stay in the newcomer word
}

// changesSeen is the difference of the registry file since it was last read. Hints may be missing or wrong.
type changesSeen struct {
	ok        bool // the difference is known
	moved     int  // number of joins and leaves
	newcomers []ID // participants that may have joined
	changed   placeSet
}

// A placeSet holds places of the registry file.
type placeSet [places / 64]uint64

func (s *placeSet) add(place int)      { s[place/64] |= 1 << (place % 64) }
func (s *placeSet) has(place int) bool { return s[place/64]&(1<<(place%64)) != 0 }

// read reads the registry file and returns the difference to the last reading.
func (h *hints) read(b *bell) (n changesSeen) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := h.known
	h.known = false
	if b.all == nil {
		return n
	}
	b.access(func() {
		all := b.all.Load() // first: a participant that rang before this load is found below
		n.moved = int(all - h.all)
		h.all = all
		for i := range b.changes {
			v := b.changes[i].Load()
			if v == h.changes[i] {
				continue
			}
			h.changes[i] = v
			n.changed.add(i)
			if id := ID(b.newcomers[i].Load()); id != 0 && id != h.gone[i] {
				n.newcomers = append(n.newcomers, id)
			}
		}
		h.known = true
	})
	if n.ok = was && h.known; !n.ok {
		for _, id := range n.newcomers { // of any age: the directory has those that live
			h.gone[placeOf(id)] = id
		}
		n.newcomers = nil
	}
	return n
}

// noteGone notes that a participant is gone, and reports whether that is new. From here on its id in the newcomer word is
// ignored.
func (h *hints) noteGone(id ID) bool {
	was := h.gone[placeOf(id)]
	h.gone[placeOf(id)] = id
	return was != id
}

// missed reports whether more participants joined or left, by the count of their rings, than the given number that was found.
func (h *hints) missed(n changesSeen, found int) bool {
	missing := n.moved - h.ahead - found
	h.ahead = max(-missing, 0)
	return missing > 0
}
