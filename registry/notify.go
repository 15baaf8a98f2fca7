package registry

import (
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
)

// active reports whether this process can ring the bells. Called with mu held.
func (b *bell) active() bool { return b.all != nil && !b.readOnly }

// notifyJoin announces that this participant joined.
func (b *bell) notifyJoin(id ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.active() {
		b.access(func() { b.newcomers[placeOf(id)].Store(uint64(id)) })
		failpoint.At("join.newcomer")
		b.wakeWord(id, b.all)
		failpoint.At("join.bell")
	}
}

// noteChange stores a hint that others may not know the given participant. It wakes no process.
func (b *bell) noteChange(id ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.active() {
		b.access(func() { b.newcomers[placeOf(id)].Store(uint64(id)) })
		b.wakeWord(id)
	}
}

// wakeAll announces that a participant left, or that it has changed something that concerns all.
func (b *bell) wakeAll(from ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.active() {
		b.wakeWord(from, b.all)
	}
}

// wakeInterested announces that a participant advertised an endpoint or withdrew it.
func (b *bell) wakeInterested(kind Kind, key uint64, from ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.active():
	case kind == KindPublisher:
		b.wakeWord(from, b.publishers, &b.topics[key%topicBells])
	default:
		b.wakeWord(from, b.subscriptions)
	}
}

// wakeParticipant announces to the given participants that one changed something that concerns them.
func (b *bell) wakeParticipant(from ID, to []ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.active() {
		return
	}
	words := make([]*atomic.Uint32, 0, len(to))
	for _, id := range to {
		words = append(words, &b.calls[placeOf(id)])
	}
	b.wakeWord(from, words...)
}

// wakeWord rings bells. It counts the change of the participant first, so that a scan after a bell finds where to look. Called
// with mu held.
func (b *bell) wakeWord(from ID, words ...*atomic.Uint32) {
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

// waitWords are the words that a participant waits on, with the value of each.
type waitWords struct {
	waiter futex.Waiter
	words  []*atomic.Uint32
	values []uint32
}

func (e *waitWords) reset() {
	e.waiter.Reset()
	e.words, e.values = e.words[:0], e.values[:0]
}

func (e *waitWords) add(word *atomic.Uint32) { e.addRead(word, word.Load()) }

func (e *waitWords) addRead(word *atomic.Uint32, v uint32) {
	e.waiter.Add(word, v)
	e.words, e.values = append(e.words, word), append(e.values, v)
}

// collectWords adds the bells that this participant waits on.
func (b *bell) collectWords(e *waitWords, self ID, in *interest) {
	topics, publishers, subscriptions := in.bells()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		return
	}
	b.access(func() {
		e.add(&b.calls[placeOf(self)]) // first: other participants that ring it wait for an answer
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

// changed reports whether a word changed since it was added, or whether the words cannot be read. Only the goroutine that waits
// on the bells may call it.
func (b *bell) changed(e *waitWords) bool {
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
