package registry

import (
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
)

// rings reports whether there is a bell that this process may ring. Called with mu held.
func (b *bell) rings() bool { return b.all != nil && !b.silent }

// announce says that a participant joined.
func (b *bell) announce(id ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rings() {
		b.access(func() { b.newcomers[placeOf(id)].Store(uint64(id)) })
		failpoint.At("join.newcomer")
		b.ring(id, b.all)
		failpoint.At("join.bell")
	}
}

// mention says that there is a participant that others may not have heard of.
func (b *bell) mention(id ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rings() {
		b.access(func() { b.newcomers[placeOf(id)].Store(uint64(id)) })
		b.ring(id)
	}
}

// ringAll says that a participant left or has something for everybody.
func (b *bell) ringAll(from ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rings() {
		b.ring(from, b.all)
	}
}

// ringFor says that a participant advertised an entity, or took it back.
func (b *bell) ringFor(kind Kind, key uint64, from ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.rings():
	case kind == KindPublisher:
		b.ring(from, b.publishers, &b.topics[key%topicBells])
	default:
		b.ring(from, b.subscriptions)
	}
}

// call says that a participant has something for others.
func (b *bell) call(from ID, to []ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.rings() {
		return
	}
	words := make([]*atomic.Uint32, 0, len(to))
	for _, id := range to {
		words = append(words, &b.calls[placeOf(id)])
	}
	b.ring(from, words...)
}

// ring notes who has news before it wakes anybody, so that whoever looks because of a bell knows where. Called with mu held.
func (b *bell) ring(from ID, words ...*atomic.Uint32) {
	b.access(func() {
		b.changes[placeOf(from)].Add(1)
		failpoint.At("bell.change")
		for _, w := range words {
			w.Add(1)
		}
	})
	failpoint.At("bell.add")
	for _, w := range words {
		futex.Wake(w)
	}
	failpoint.At("bell.wake")
}

// ears are the words that a participant listens to, with what each held.
type ears struct {
	waiter futex.Waiter
	words  []*atomic.Uint32
	values []uint32
}

func (e *ears) reset() {
	e.waiter.Reset()
	e.words, e.values = e.words[:0], e.values[:0]
}

func (e *ears) add(word *atomic.Uint32) {
	v := word.Load()
	e.waiter.Add(word, v)
	e.words, e.values = append(e.words, word), append(e.values, v)
}

// listen adds the bells that concern this participant.
func (b *bell) listen(e *ears, self ID, in *interest) {
	topics, publishers, subscriptions := in.bells()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		return
	}
	b.access(func() {
		e.add(&b.calls[placeOf(self)]) // first that on which others wait for an answer
		if in.followsMembers() {
			e.add(b.all)
		}
		if publishers {
			e.add(b.publishers)
		}
		if subscriptions {
			e.add(b.subscriptions)
		}
		for _, i := range topics {
			e.add(&b.topics[i])
		}
	})
}

// rung reports whether a word changed since it was added, or a bell cannot ring. Only the goroutine that waits on the bell
// may call it.
func (b *bell) rung(e *ears) bool {
	rung := true
	b.access(func() {
		for i, word := range e.words {
			if word.Load() != e.values[i] {
				return
			}
		}
		rung = false
	})
	return rung
}
