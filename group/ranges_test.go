package group

import (
	"math/rand/v2"
	"testing"
)

func TestRanges(t *testing.T) {
	for range 200 {
		var r ranges
		set := map[uint64]bool{}
		for range 60 {
			s := span{first: 1 + rand.Uint64N(80)}
			s.last = s.first + rand.Uint64N(5)
			all := true
			for q := s.first; q <= s.last; q++ {
				all = all && set[q]
			}
			if r.covers(s) != all {
				t.Fatalf("%v covers %v: %v", r, s, !all)
			}
			r = r.with(s)
			for q := s.first; q <= s.last; q++ {
				set[q] = true
			}
			for q := range uint64(90) {
				if r.contains(q) != set[q] {
					t.Fatalf("%v has %d: %v", r, q, !set[q])
				}
			}
			for i := 1; i < len(r); i++ {
				if r[i].first <= r[i-1].last+1 {
					t.Fatalf("%v", r)
				}
			}
		}
	}
	var r ranges
	for i := range uint64(maxRanges + 10) {
		r = r.with(span{2*i + 1, 2*i + 1})
	}
	if len(r) != maxRanges || r.contains(19) || !r.contains(21) {
		t.Error(len(r), r[0])
	}
	if maxRanges <= maxClaims { // samples that a member keeps lie between them
		t.Error("an account has no room for what a member may have acknowledged")
	}
}
