package topic

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/registry"
)

// Both indexes find exactly what comparing everything with everything finds, each once.
func TestIndex_FindsMatches(t *testing.T) {
	segments := []string{"a", "b", "c"}
	name := func(wild ...string) string {
		from := slices.Concat(segments, wild)
		parts := make([]string, 1+rand.N(3))
		for i := range parts {
			parts[i] = from[rand.N(len(from))]
		}
		return strings.Join(parts, "/")
	}
	for range 50 {
		topics, patterns := map[int]string{}, map[int][]string{}
		pubs, subs := byTopic[int, string]{}, newByPattern[int, int]()
		for i := range 20 {
			topics[i] = name()
			pubs.add(topics[i], i, topics[i])
			for range 1 + rand.N(3) {
				patterns[i] = append(patterns[i], name([]string{"*", "**"}[:rand.N(3)]...))
			}
			subs.add(patterns[i], i, i)
		}
		for i := range 5 {
			pubs.remove(topics[i], i)
			delete(topics, i)
			subs.remove(patterns[i], i)
			delete(patterns, i)
		}
		suits := func(i, j int) bool {
			return slices.ContainsFunc(patterns[i], func(p string) bool { return registry.MatchPattern(p, topics[j]) })
		}
		for i := range patterns {
			found := map[int]int{}
			for j := range pubs.matching(patterns[i]) {
				found[j]++
			}
			for j := range topics {
				if want := map[bool]int{true: 1}[suits(i, j)]; found[j] != want {
					t.Fatalf("%q finds %q %d times, want %d", patterns[i], topics[j], found[j], want)
				}
			}
		}
		for j := range topics {
			found := map[int]int{}
			for i := range subs.matching(topics[j]) {
				found[i]++
			}
			for i := range patterns {
				if want := map[bool]int{true: 1}[suits(i, j)]; found[i] != want {
					t.Fatalf("%q finds %q %d times, want %d", topics[j], patterns[i], found[i], want)
				}
			}
		}
	}
}
