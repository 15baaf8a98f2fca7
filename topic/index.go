package topic

import (
	"iter"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/registry"
)

// byTopic indexes publishers by topic.
type byTopic[K comparable, V any] map[string]map[K]V

func (x byTopic[K, V]) add(topic string, key K, v V) { put(x, topic, key, v) }

func (x byTopic[K, V]) remove(topic string, key K) { drop(x, topic, key) }

// matching yields the values whose topic matches one of the patterns. Patterns with a wildcard require a scan of all
// topics.
func (x byTopic[K, V]) matching(patterns []string) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if !wild(patterns) {
			for i, topic := range patterns {
				for key, v := range x[topic] {
					if !slices.Contains(patterns[:i], topic) && !yield(key, v) {
						return
					}
				}
			}
			return
		}
		for topic, of := range x {
			if !matches(patterns, topic) {
				continue
			}
			for key, v := range of {
				if !yield(key, v) {
					return
				}
			}
		}
	}
}

// byPattern indexes subscriptions by pattern. A lookup by topic scans only the subscriptions with wildcards.
type byPattern[K comparable, V any] struct {
	exact map[string]map[K]V
	wild  map[K]wildcard[V]
}

type wildcard[V any] struct {
	patterns []string
	v        V
}

func newByPattern[K comparable, V any]() byPattern[K, V] {
	return byPattern[K, V]{exact: map[string]map[K]V{}, wild: map[K]wildcard[V]{}}
}

func (x byPattern[K, V]) add(patterns []string, key K, v V) {
	if wild(patterns) {
		x.wild[key] = wildcard[V]{patterns, v}
		return
	}
	for _, topic := range patterns {
		put(x.exact, topic, key, v)
	}
}

func (x byPattern[K, V]) remove(patterns []string, key K) {
	delete(x.wild, key)
	for _, topic := range patterns {
		drop(x.exact, topic, key)
	}
}

func (x byPattern[K, V]) matching(topic string) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for key, v := range x.exact[topic] {
			if !yield(key, v) {
				return
			}
		}
		for key, w := range x.wild {
			if matches(w.patterns, topic) && !yield(key, w.v) {
				return
			}
		}
	}
}

func put[G, K comparable, V any](x map[G]map[K]V, group G, key K, v V) {
	of := x[group]
	if of == nil {
		of = make(map[K]V, 1)
		x[group] = of
	}
	of[key] = v
}

func drop[G, K comparable, V any](x map[G]map[K]V, group G, key K) {
	delete(x[group], key)
	if len(x[group]) == 0 {
		delete(x, group)
	}
}

// wild reports whether any pattern has a wildcard. A topic name contains no asterisk.
func wild(patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return strings.Contains(p, "*") })
}

func matches(patterns []string, topic string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return registry.MatchPattern(p, topic) })
}
