package topic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"

	"github.com/shmbus/shmbus/registry"
)

// EventKind says what an Event is about.
type EventKind uint8

const (
	Joined        EventKind = 1 + iota // a participant joined the domain
	Left                               // a participant left in an orderly way
	Died                               // a participant's process ended without leaving
	Added                              // a publisher or subscription was made
	Removed                            // a publisher or subscription is gone
	TypeMismatch                       // a publisher and a subscription, one of them ours, do not fit: Err is a *registry.TypeMismatchError
	Unavailable                        // somebody's shared memory is corrupt, of another version, beyond a limit, may not be read, or there is no memory for it here: Err
	EventsDropped                      // the listener was too slow, Err says how many events it missed
	Dropped                            // samples of a publisher that closed or died were given up, beyond MemoryLimit of a subscriber of ours: Err is a *shmtransport.DroppedError
)

var eventNames = [...]string{
	Joined: "joined", Left: "left", Died: "died", Added: "added", Removed: "removed",
	TypeMismatch: "type mismatch", Unavailable: "unusable", EventsDropped: "missed", Dropped: "dropped",
}

func (k EventKind) String() string {
	if int(k) < len(eventNames) && eventNames[k] != "" {
		return eventNames[k]
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// An Event is something that happened in the domain.
type Event struct {
	Kind        EventKind
	Participant registry.Participant // whom it is about, without Entities; UID, GID and PIDProof are the kernel's word
	Endpoint    registry.Endpoint    // Added, Removed, TypeMismatch, Dropped: the publisher or subscription, the other side's for TypeMismatch
	Err         error
}

// eventBacklog is how many events a listener may be behind.
const eventBacklog = 4096

// listener is one consumer of events.
type listener struct {
	queue  []Event // guarded by the participant's mu
	room   int     // how many more queue takes, guarded too
	missed int
	wake   chan struct{} // holds one token
	ended  bool
}

func (l *listener) add(e Event) {
	if l.room == 0 {
		l.missed++
		return
	}
	l.room--
	l.queue = append(l.queue, e)
	l.poke()
}

func (l *listener) end() {
	l.ended = true
	l.poke()
}

func (l *listener) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// emit tells every listener. Called with mu held.
func (p *Participant) emit(e Event) {
	for l := range p.listeners {
		l.add(e)
	}
}

// known returns what is there as events, the eldest first, each participant before its entities. Called with mu held.
func (p *Participant) known() []Event {
	events := make([]Event, 0, len(p.units)+len(p.entities))
	for _, u := range slices.SortedFunc(maps.Values(p.units), func(a, b registry.Participant) int {
		return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.ID, b.ID))
	}) {
		events = append(events, Event{Kind: Joined, Participant: u})
	}
	for id, e := range p.strangers {
		if !p.nameless(id) {
			events = append(events, e)
		} else {
			delete(p.strangers, id)
		}
	}
	for _, e := range slices.SortedFunc(maps.Values(p.entities), func(a, b *registry.Endpoint) int {
		return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.ID.Number, b.ID.Number), cmp.Compare(a.ID.Participant, b.ID.Participant))
	}) {
		events = append(events, Event{Kind: Added, Participant: p.units[e.ID.Participant], Endpoint: *e})
	}
	events = slices.AppendSeq(events, maps.Values(p.illegible))
	for _, reported := range []map[pair]Event{p.mismatches, p.unusable} {
		events = slices.AppendSeq(events, maps.Values(reported))
	}
	return events
}

// Events yields first what is there already, as Joined and Added, and as TypeMismatch and Unusable what does not fit or cannot be
// used, then what happens, until ctx is done, the participant
// closes, or the loop is left. This participant's own doings are events too. Each call listens for itself. A loop that is
// more than a few thousand events behind loses the newest of them, and is told how many by a Missed.
func (p *Participant) Events(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		// What is known from here on is everything. The only error that lasts is that of a closed participant.
		for _, follow := range []func() (*registry.Interest, error){
			p.reg.WatchParticipants,
			func() (*registry.Interest, error) { return p.reg.Watch(registry.KindPublisher) },
			func() (*registry.Interest, error) { return p.reg.Watch(registry.KindSubscription) },
		} {
			all, err := follow()
			if err == nil {
				defer all.Stop()
			} else if !errors.Is(err, os.ErrClosed) {
				p.log.Warn("not everything that is there may be an event", "err", err)
			}
		}
		l := &listener{wake: make(chan struct{}, 1), room: eventBacklog}
		p.mu.Lock()
		l.queue = p.known() // however much it is
		if p.closed {
			l.end()
		}
		p.listeners[l] = struct{}{}
		p.mu.Unlock()
		defer func() {
			p.mu.Lock()
			delete(p.listeners, l)
			p.mu.Unlock()
		}()
		for {
			p.mu.Lock()
			batch, missed, ended := l.queue, l.missed, l.ended
			l.queue, l.room, l.missed = nil, eventBacklog, 0
			p.mu.Unlock()
			for _, e := range batch {
				if ctx.Err() != nil || !yield(e) {
					return
				}
			}
			if missed > 0 && !yield(Event{Kind: EventsDropped, Err: fmt.Errorf("%d events were missed: more than %d were waiting", missed, eventBacklog)}) {
				return
			}
			if ended {
				return
			}
			select {
			case <-l.wake:
			case <-ctx.Done():
				return
			}
		}
	}
}
