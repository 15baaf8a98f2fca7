package registry

import (
	"fmt"
	"slices"
)

// A peerIndex is the index of a peer as read last. It is a hint which records to read: the checks of a record do not depend on
// it, and an owner with a wrong index or wrong counts of changes hides only its own records.
type peerIndex struct {
	entries []indexEntry
	counts  [indexGroups]uint32 // counts of changes when each group was read
	again   [indexGroups]bool   // a record of the group could not be read: read the whole group again
	unread  map[uint64][]int    // by key: pages with records that were not wanted
}

// An indexEntry is the entry of the index for one page.
type indexEntry struct{ word, key uint64 }

func kindOf(word uint64) Kind { return Kind(word & (1<<stateBits - 1)) }

// list reads the groups of the index that changed, and returns the pages whose entries changed.
func (p *peer) list(w words, d *difference) (changed []int) {
	once := func(what string, err error) {
		if !p.fileReported {
			p.fileReported = true
			d.errs = append(d.errs, p.corrupt(what, err))
		}
	}
	if w.pages > MaxEndpoints {
		once(fmt.Sprintf("the header announces %d endpoint pages", w.pages), nil)
	}
	x := &p.index
	pages := int(min(w.pages, MaxEndpoints))
	for page := pages; page < len(x.entries); page++ {
		if p.index.set(page, indexEntry{}) {
			changed = append(changed, page)
		}
	}
	known := len(x.entries)
	if n := pages - known; n > 0 {
		x.entries = append(x.entries, make([]indexEntry, n)...)
	}
	var b [4 * indexGroups]byte
	if _, err := p.file.ReadAt(b[:], offIndexChanges); err != nil {
		once("the counts of changes cannot be read", err)
		return changed
	}
	for from := 0; from*indexGroup < pages; {
		to := from
		for ; to*indexGroup < pages; to++ {
			// The counts are read before the entries: a later change is counted again.
			count := native.Uint32(b[4*to:])
			// The owner may have added a record past the pages of w before its count was read, so a group with new pages is
			// read regardless of its count.
			grown := known < pages && (to+1)*indexGroup > known
			if count == x.counts[to] && !x.again[to] && !grown {
				break
			}
			x.counts[to] = count
		}
		if to == from {
			from++
			continue
		}
		first, end := from*indexGroup, min(to*indexGroup, pages)
		read, err := p.readIndex(first, end)
		if err != nil {
			once(fmt.Sprintf("the index of %d pages ends after %d", pages, first+len(read)), err)
		}
		for page := first; page < end; page++ {
			var is indexEntry
			if page-first < len(read) {
				is = read[page-first]
			}
			if x.set(page, is) {
				changed = append(changed, page)
			}
		}
		clear(x.again[from:to])
		from = to
	}
	return changed
}

// set stores the index entry of a page, and reports whether it changed or must be read again.
func (x *peerIndex) set(page int, is indexEntry) (changed bool) {
	was := x.entries[page]
	if was == is && !x.again[page/indexGroup] {
		return false
	}
	x.entries[page] = is
	if was.word != 0 {
		x.keepUnread(was.key, func(other int) bool { return other != page })
	}
	return true
}

// keepUnread keeps the unread pages with a key for which keep returns true, and drops the others.
func (x *peerIndex) keepUnread(key uint64, keep func(page int) bool) {
	pages := slices.DeleteFunc(x.unread[key], func(page int) bool { return !keep(page) })
	if len(pages) > 0 {
		x.unread[key] = pages
	} else {
		delete(x.unread, key)
	}
}

// readIndex reads the index entries of the pages in [from, to). On an error it also returns the entries before it.
func (p *peer) readIndex(from, to int) ([]indexEntry, error) {
	index := make([]indexEntry, 0, to-from)
	var b [perIndex * indexSize]byte
	for from < to {
		end := min(to, (from/perIndex+1)*perIndex) // of this index page
		n, err := p.file.ReadAt(b[:(end-from)*indexSize], int64(indexOffset(from)))
		for at := b[:n/indexSize*indexSize]; len(at) > 0; at = at[indexSize:] {
			index = append(index, indexEntry{word: native.Uint64(at[offIndexWord:]), key: native.Uint64(at[offIndexKey:])})
		}
		if err != nil {
			return index, err
		}
		from = end
	}
	return index, nil
}

// fresh adds the entries to d.removed that the index does not have any more, and returns the pages to read: changed pages that
// are wanted, and other pages that were not wanted before.
func (p *peer) fresh(in *interest, changed []int, d *difference) (fresh []int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	x := &p.index
	for _, page := range changed {
		is := x.entries[page]
		if page < len(p.entries) && p.entries[page] != nil {
			e := p.entries[page]
			if e.word == is.word {
				continue
			}
			d.removed = append(d.removed, e)
			delete(p.numbers, e.endpoint.ID.Number)
			p.schemas -= int64(len(e.endpoint.Schema))
		}
		switch {
		case is.word == 0 || p.reported[page] == is.word:
		case in.wants(kindOf(is.word), is.key):
			fresh = append(fresh, page)
		default:
			if x.unread == nil {
				x.unread = make(map[uint64][]int)
			}
			x.unread[is.key] = append(x.unread[is.key], page)
		}
	}
	now := in.version.Load()
	if now == p.seen {
		return fresh
	}
	if keys, ok := in.grownSince(p.seen); ok {
		for _, key := range keys {
			fresh = append(fresh, p.wanted(in, key)...)
		}
	} else {
		for key := range x.unread {
			fresh = append(fresh, p.wanted(in, key)...)
		}
	}
	p.seen = now
	return fresh
}

// wanted returns the unread pages with a key that are wanted now, and removes them from unread. Called with in.mu held.
func (p *peer) wanted(in *interest, key uint64) (fresh []int) {
	p.index.keepUnread(key, func(page int) bool {
		wants := in.wants(kindOf(p.index.entries[page].word), key)
		if wants {
			fresh = append(fresh, page)
		}
		return !wants
	})
	return fresh
}
