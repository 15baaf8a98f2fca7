package group

import (
	"slices"
	"sort"
)

// A span is the sequences from first to last.
type span struct{ first, last uint64 }

// ranges are sequences as ascending spans that are apart from each other.
type ranges []span

func (r ranges) contains(sequence uint64) bool {
	i := sort.Search(len(r), func(i int) bool { return r[i].last >= sequence })
	return i < len(r) && r[i].first <= sequence
}

// with returns the ranges with a further span, at most maxRanges of them. It may change r.
func (r ranges) with(s span) ranges {
	i := sort.Search(len(r), func(i int) bool { return r[i].last+1 >= s.first })
	j := i
	for ; j < len(r) && r[j].first <= s.last+1; j++ {
		s.first, s.last = min(s.first, r[j].first), max(s.last, r[j].last)
	}
	r = slices.Replace(r, i, j, s)
	return r[max(0, len(r)-maxRanges):]
}

// covers reports whether a span is in one of the ranges.
func (r ranges) covers(s span) bool {
	i := sort.Search(len(r), func(i int) bool { return r[i].last >= s.first })
	return i < len(r) && r[i].first <= s.first && s.last <= r[i].last
}
