package registry

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// keyOf is what the index and the bells have for the name of a topic: FNV-1a of 64 bits, and 1 instead of 0.
func keyOf(topic string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(topic) {
		h = (h ^ uint64(topic[i])) * 0x100000001b3
	}
	return max(h, 1)
}

// key is what the index says of the entity's topic; 0 means that only the record says which topics it is about.
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

// An interest is what somebody in this process wants to know of the entities of others. Its zero value is interested in
// nothing.
type interest struct {
	every   bool          // interested in everything, for ever
	version atomic.Uint64 // grows when something is added

	mu    sync.Mutex // guards what follows
	kinds [KindSubscription + 1]kindInterest
	grown [growths]newKeys // by version: what it has more than the one before

	members atomic.Int32 // WatchParticipants

	// Whom bells should wake, counted.
	heeded    [topicBells]int
	heededAll [KindSubscription + 1]int
}

type kindInterest struct {
	asked, all int            // Interests, and those in everything
	keys       map[uint64]int // Interests in topics
}

// newKeys are the keys that a version has and the one before had not; nil stands for all.
type newKeys []uint64

// growths is how many versions back it is known what was added.
const growths = 16

// grownSince returns the keys that were added since a version, if that is known. Called with mu held.
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

// everything is the interest of whoever asks for nothing in particular.
func everything() *interest { return &interest{every: true} }

// wants reports whether a record is to be read of which the index says this. Called with mu held.
func (in *interest) wants(kind Kind, key uint64) bool {
	if in.every {
		return true
	}
	if int(kind) >= len(in.kinds) {
		return false // no such kind
	}
	k := &in.kinds[kind]
	if k.asked == 0 {
		return false
	}
	return k.all > 0 || key == 0 || k.keys[key] > 0
}

// An Interest is something that Know or Follow asked for.
type Interest struct {
	in     *interest
	kind   Kind     // 0: members
	keys   []uint64 // none: everything of the kind
	heeded bool
	once   sync.Once
}

// WatchParticipants begins to tell OnChange, when Options.OnDemand is set, of every participant that joins, leaves or dies, at once.
// Those that are there have been Joined when it returns. Without it OnChange hears only of those that have an entity that Know
// or Follow asked for.
func (r *Registry) WatchParticipants() (*Interest, error) {
	i := &Interest{in: r.interest}
	if i.in.members.Add(1) == 1 {
		r.wakeLoop() // the loop has to listen to another bell
	}
	if err := r.Sync(); err != nil {
		i.Stop()
		return nil, err
	}
	return i, nil
}

func (in *interest) followsMembers() bool { return in.every || in.members.Load() > 0 }

// Discover begins to tell OnChange, when Options.OnDemand is set, of the entities of a kind that others have and that meet one
// of the patterns; perhaps of more. Without patterns it is all of that kind. Those that are there have been Added when it
// returns. What comes and goes later is told after Sync, or when something else is to be looked at, or at the next
// periodic look.
func (r *Registry) Discover(kind Kind, patterns ...string) (*Interest, error) {
	return r.ask(kind, patterns, false)
}

// Watch is Discover that makes this process look when such an entity comes or goes.
func (r *Registry) Watch(kind Kind, patterns ...string) (*Interest, error) {
	return r.ask(kind, patterns, true)
}

func (r *Registry) ask(kind Kind, patterns []string, heeded bool) (*Interest, error) {
	if kind != KindPublisher && kind != KindSubscription {
		return nil, fmt.Errorf("there is no kind of entity %d; use KindPublisher or KindSubscription", kind)
	}
	i := &Interest{in: r.interest, kind: kind, heeded: heeded}
	if !slices.ContainsFunc(patterns, isWild) {
		for _, p := range patterns {
			i.keys = append(i.keys, keyOf(p))
		}
	}
	if i.begin() {
		r.wakeLoop() // the loop has to listen to another bell
	}
	if err := r.Sync(); err != nil {
		i.Stop()
		return nil, err
	}
	return i, nil
}

// begin reports whether there is another bell to listen to.
func (i *Interest) begin() (louder bool) {
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
			keys = nil // also those without a key
		}
		in.grown[(in.version.Load()+1)%growths] = keys
		in.version.Add(1)
	}
	return i.apply(+1)
}

// Stop takes the interest back. What is known is told of as before. Further calls do nothing.
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

// apply counts the bells to listen to, and reports whether there is one more. Called with in.mu held.
func (i *Interest) apply(n int) (louder bool) {
	in := i.in
	switch {
	case !i.heeded:
	case len(i.keys) == 0 || i.kind == KindSubscription: // whose topics have no bells
		in.heededAll[i.kind] += n
		return in.heededAll[i.kind] == 1
	default:
		for _, key := range i.keys {
			at := &in.heeded[key%topicBells]
			*at += n
			louder = louder || *at == 1
		}
	}
	return louder
}

// bells returns which bells of publishers to listen to, all of them if it is that many, and whether to listen to that of
// subscriptions.
func (in *interest) bells() (topics []int, publishers, subscriptions bool) {
	if in.every {
		return nil, true, true
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for i, n := range in.heeded {
		if n > 0 {
			topics = append(topics, i)
		}
	}
	if in.heededAll[KindPublisher] > 0 || len(topics) > topicBells/2 {
		return nil, true, in.heededAll[KindSubscription] > 0
	}
	return topics, false, in.heededAll[KindSubscription] > 0
}

// Sync looks at what the others said that they changed. OnChange has been called for it when Sync returns. It costs
// little where nothing changed, however large the domain is. Unlike Refresh it relies on what it is told.
func (r *Registry) Sync() error {
	again, err := r.scan(hinted)
	if again < lookPeriod {
		r.wakeLoop()
	}
	if err != nil {
		return fmt.Errorf("look at the domain: %w", err)
	}
	return nil
}
