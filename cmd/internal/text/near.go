package text

import (
	"cmp"
	"slices"
	"strings"
)

// maxNear is the number of names that Nearest returns.
const maxNear = 5

// Nearest returns those of names that may be meant by an unknown one, the most similar first.
func Nearest(name string, names []string) []string {
	type near struct {
		name string
		far  int
	}
	var all []near
	for _, known := range names {
		far := distance(name, known)
		if strings.Contains(known, name) || strings.Contains(name, known) {
			far = min(far, 1)
		}
		if far <= max(2, len(name)/3) {
			all = append(all, near{known, far})
		}
	}
	slices.SortFunc(all, func(a, b near) int { return cmp.Or(cmp.Compare(a.far, b.far), strings.Compare(a.name, b.name)) })
	found := make([]string, 0, maxNear)
	for _, n := range all[:min(len(all), maxNear)] {
		found = append(found, n.name)
	}
	return found
}

// distance returns how many bytes must be added, removed or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			keep := diagonal
			if a[i] != b[j] {
				keep++
			}
			diagonal = row[j+1]
			row[j+1] = min(keep, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
