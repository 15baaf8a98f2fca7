package registry

// hints is what was last read of the registry file.
type hints struct {
	known   bool // the rest was read, and looks went after it
	all     uint32
	changes [places]uint32
	ahead   int        // newcomers and leavers that were found before they rang
	gone    [places]ID // by place: who left last; its name may stay among the newcomers
}

// changesSeen is what the registry file says that happened since it was read last. A hint may be missing or mean nothing.
type changesSeen struct {
	ok        bool // it can be said at all
	moved     int  // how many joined or left
	newcomers []ID // who joined, perhaps
	changed   placeSet
}

// A placeSet holds places of the registry file.
type placeSet [places / 64]uint64

func (s *placeSet) add(place int)      { s[place/64] |= 1 << (place % 64) }
func (s *placeSet) has(place int) bool { return s[place/64]&(1<<(place%64)) != 0 }

// read compares the registry file with what was last read of it.
func (h *hints) read(b *bell) (n changesSeen) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := h.known
	h.known = false
	if b.all == nil {
		return n
	}
	b.access(func() {
		all := b.all.Load() // first: whoever rang before can be found below
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
		for _, id := range n.newcomers { // of ages; those that are there are found in the directory
			h.gone[placeOf(id)] = id
		}
		n.newcomers = nil
	}
	return n
}

// left notes that a participant is not there any more, and reports whether that is new. What its place says of newcomers is
// about others from here on.
func (h *hints) left(id ID) bool {
	was := h.gone[placeOf(id)]
	h.gone[placeOf(id)] = id
	return was != id
}

// missed reports, when so many newcomers and leavers were found, whether more of them rang.
func (h *hints) missed(n changesSeen, found int) bool {
	missing := n.moved - h.ahead - found
	h.ahead = max(-missing, 0)
	return missing > 0
}
