package registry

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// keyOf returns the key that the index and the bells use for a topic: FNV-1a of 64 bits, and 1 instead of 0.
func keyOf(topic string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(topic) {
		h = (h ^ uint64(topic[i])) * 0x100000001b3
	}
	return max(h, 1)
}

// key returns the key of the endpoint in the index; 0 means that only the record tells its topics.
func (e *Endpoint) key() uint64 {
	switch {
	case e.Kind == KindPublisher:
		return keyOf(e.Topic)
	case len(e.Patterns) == 1 && !isWild(e.Patterns[0]):
		return keyOf(e.Patterns[0])
	}
	return 0
}

func isWild(pattern string) bool { return strings.Contains(pattern, "*") }

// An interest says which endpoints of other participants this process wants to know. The zero value wants none.
type interest struct {
	every   bool          // wants all endpoints, for ever
	version atomic.Uint64 // grows with each addition

	mu    sync.Mutex // guards the fields below
	kinds [KindSubscription + 1]kindInterest
	grown [growths]newKeys // by version: its additions

	members atomic.Int32 // number of WatchParticipants in force

	// Number of Interests that wait on each bell.
	topicWaits [topicBells]int
	kindWaits  [KindSubscription + 1]int
}

type kindInterest struct {
	asked, all int            // number of Interests, and of those in all endpoints of the kind
	keys       map[uint64]int // number of Interests in each topic
}

// newKeys are the keys that a version adds to the one before; nil stands for all.
type newKeys []uint64

// growths is the number of latest versions whose additions are kept.
const growths = 16

// grownSince returns the keys that were added since a version, if they are still kept. Called with mu held.
func (in *interest) grownSince(seen uint64) (keys []uint64, ok bool) {
	now := in.version.Load()
	if now-seen > growths {
		return nil, false
	}
	for v := seen + 1; v <= now; v++ {
		g := in.grown[v%growths]
		if len(g) == 0 {
			return nil, false
		}
		keys = append(keys, g...)
	}
	return keys, true
}

// everything returns the interest that wants all endpoints.
func everything() *interest { return &interest{every: true} }

// wants reports whether the record behind an index entry with this kind and key must be read. Called with mu held.
func (in *interest) wants(kind Kind, key uint64) bool {
	if in.every {
		return true
	}
	if int(kind) >= len(in.kinds) {
		return false // an unknown kind
	}
	k := &in.kinds[kind]
	if k.asked == 0 {
		return false
	}
	return k.all > 0 || key == 0 || k.keys[key] > 0
}

// An Interest is a request of Discover, Watch or WatchParticipants that is in force until Stop.
type Interest struct {
	in    *interest
	kind  Kind     // 0: participants
	keys  []uint64 // none: all endpoints of the kind
	wakes bool
	once  sync.Once
}

// WatchParticipants makes this process report, with Options.OnDemand, each participant that joins, leaves or dies, at once.
// The present participants have been reported as Joined when it returns. Without it OnChange gets only the participants with an
// endpoint that Discover or Watch asked for.
func (r *Registry) WatchParticipants() (*Interest, error) {
	i := &Interest{in: r.interest}
	if i.in.members.Add(1) == 1 {
		r.wakeLoop() // the loop must wait on another bell
	}
	if err := r.Sync(); err != nil {
		i.Stop()
		return nil, err
	}
	return i, nil
}

func (in *interest) followsMembers() bool { return in.every || in.members.Load() > 0 }

// Discover makes this process report, with Options.OnDemand, the endpoints of a kind in other participants that match one of
// the patterns, and perhaps further ones. Without patterns it reports all of that kind. The present endpoints have been
// reported as Added when it returns. Later changes are reported by Sync, by a scan for another reason, or by the next periodic
// scan.
func (r *Registry) Discover(kind Kind, patterns ...string) (*Interest, error) {
	return r.ask(kind, patterns, false)
}

// Watch is Discover, and wakes this process for a scan when such an endpoint comes or goes.
func (r *Registry) Watch(kind Kind, patterns ...string) (*Interest, error) {
	return r.ask(kind, patterns, true)
}

func (r *Registry) ask(kind Kind, patterns []string, wakes bool) (*Interest, error) {
	if kind != KindPublisher && kind != KindSubscription {
		return nil, fmt.Errorf("there is no kind of endpoint %d; use KindPublisher or KindSubscription", kind)
	}
	i := &Interest{in: r.interest, kind: kind, wakes: wakes}
	if !slices.ContainsFunc(patterns, isWild) {
		for _, p := range patterns {
			i.keys = append(i.keys, keyOf(p))
		}
	}
	if i.begin() {
		r.wakeLoop() // the loop must wait on another bell
	}
	if err := r.Sync(); err != nil {
		i.Stop()
		return nil, err
	}
	return i, nil
}

// begin adds the interest, and reports whether there is another bell to wait on.
func (i *Interest) begin() (more bool) {
	in := i.in
	in.mu.Lock()
	defer in.mu.Unlock()
	k := &in.kinds[i.kind]
	k.asked++
	grown := k.asked == 1
	if len(i.keys) == 0 {
		k.all++
		grown = grown || k.all == 1
	}
	for _, key := range i.keys {
		if k.keys == nil {
			k.keys = make(map[uint64]int)
		}
		k.keys[key]++
		grown = grown || k.keys[key] == 1 && k.all == 0
	}
	if grown {
		keys := newKeys(i.keys)
		if k.asked == 1 {
			keys = nil // also the endpoints without a key
		}
		in.grown[(in.version.Load()+1)%growths] = keys
		in.version.Add(1)
	}
	return i.apply(+1)
}

// Stop ends the interest. Changes of endpoints that are known by then are still reported. Further calls do nothing.
func (i *Interest) Stop() {
	i.once.Do(func() {
		in := i.in
		if i.kind == 0 {
			in.members.Add(-1)
			return
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		k := &in.kinds[i.kind]
		k.asked--
		if len(i.keys) == 0 {
			k.all--
		}
		for _, key := range i.keys {
			if k.keys[key]--; k.keys[key] == 0 {
				delete(k.keys, key)
			}
		}
		i.apply(-1)
	})
}

// apply adds n to the count of each bell to wait on, and reports whether there is another one. Called with in.mu held.
func (i *Interest) apply(n int) (more bool) {
	in := i.in
	switch {
	case !i.wakes:
	case len(i.keys) == 0 || i.kind == KindSubscription: // subscriptions have no bells by topic
		in.kindWaits[i.kind] += n
		return in.kindWaits[i.kind] == 1
	default:
		for _, key := range i.keys {
			at := &in.topicWaits[key%topicBells]
			*at += n
			more = more || *at == 1
		}
	}
	return more
}

// bells returns the bells of topics to wait on, and whether to wait on the bell of publishers of many topics instead, and on that
// of subscriptions.
func (in *interest) bells() (topics []int, publishers, subscriptions bool) {
	if in.every {
		return nil, true, true
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for i, n := range in.topicWaits {
		if n > 0 {
			topics = append(topics, i)
		}
	}
	if in.kindWaits[KindPublisher] > 0 || len(topics) > topicBells/2 {
		return nil, true, in.kindWaits[KindSubscription] > 0
	}
	return topics, false, in.kindWaits[KindSubscription] > 0
}

// Sync scans the participants that announced a change. OnChange has been called for all of these changes when Sync returns.
// Without changes it costs little, however large the domain is.
func (r *Registry) Sync() error {
	again, err := r.scan(hinted)
	if again < scanPeriod {
		r.wakeLoop()
	}
	if err != nil {
		return fmt.Errorf("scan the domain: %w", err)
	}
	return nil
}
