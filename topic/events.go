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
	"time"

	"github.com/shmbus/shmbus/registry"
)

// EventKind says what an Event is about.
type EventKind uint8

const (
	Joined         EventKind = 1 + iota // a participant joined the domain
	Left                                // a participant left in an orderly way
	Died                                // a participant's process ended without leaving
	Added                               // a publisher or subscription was made
	Removed                             // a publisher or subscription is gone
	TypeMismatch                        // the types of a publisher and a subscription, one of them of this participant, differ: Err is a *TypeMismatchError
	Unavailable                         // shared memory of another participant is corrupt, of another version, beyond a limit or not accessible, or this process lacks memory for it: Err
	EventsDropped                       // the listener was too slow; Err gives the number of dropped events
	Dropped                             // samples of a publisher that closed or died were discarded, beyond the MemoryLimit of a subscriber of this participant: Err is a *DroppedError
	DeadlineMissed                      // nothing was published for the Deadline of a subscriber of this participant: Err is a *DeadlineError
	DeadlineMet                         // something was published again after that
)

var eventNames = [...]string{
	Joined: "joined", Left: "left", Died: "died", Added: "added", Removed: "removed",
	TypeMismatch: "type mismatch", Unavailable: "unavailable", EventsDropped: "events dropped", Dropped: "dropped",
	DeadlineMissed: "deadline missed", DeadlineMet: "deadline met",
}

func (k EventKind) String() string {
	if int(k) < len(eventNames) && eventNames[k] != "" {
		return eventNames[k]
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// An Event is a change in the domain, or a failure that this participant found.
type Event struct {
	Kind        EventKind
	Participant registry.Participant // the subject, without Endpoints; UID, GID and PIDCheck come from the kernel
	Endpoint    registry.Endpoint    // Added, Removed, TypeMismatch, Dropped, DeadlineMissed, DeadlineMet: the publisher or subscription; for TypeMismatch that of the other side
	Err         error
	Gap         time.Duration // DeadlineMissed, DeadlineMet: how long nothing was published
}

// eventBacklog is the number of events that a listener may be behind.
const eventBacklog = 4096

// listener is one consumer of events.
type listener struct {
	queue    []Event // guarded by the participant's mu
	capacity int     // free places in queue; guarded by the participant's mu too
	dropped  int
	wake     chan struct{} // holds one token
	ended    bool
}

func (l *listener) add(e Event) {
	if l.capacity == 0 {
		l.dropped++
		return
	}
	l.capacity--
	l.queue = append(l.queue, e)
	l.notify()
}

func (l *listener) end() {
	l.ended = true
	l.notify()
}

func (l *listener) notify() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// emit queues an event for every listener. Called with mu held.
func (p *Participant) emit(e Event) {
	for l := range p.listeners {
		l.add(e)
	}
}

// currentEvents returns the present state as events, oldest first, each participant before its endpoints. Called with mu
// held.
func (p *Participant) currentEvents() []Event {
	events := make([]Event, 0, len(p.participants)+len(p.endpoints))
	for _, u := range slices.SortedFunc(maps.Values(p.participants), func(a, b registry.Participant) int {
		return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.ID, b.ID))
	}) {
		events = append(events, Event{Kind: Joined, Participant: u})
	}
	for id, e := range p.unparsable {
		if !p.fileMissing(id) {
			events = append(events, e)
		} else {
			delete(p.unparsable, id)
		}
	}
	for _, e := range slices.SortedFunc(maps.Values(p.endpoints), func(a, b *registry.Endpoint) int {
		return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.ID.Number, b.ID.Number), cmp.Compare(a.ID.Participant, b.ID.Participant))
	}) {
		events = append(events, Event{Kind: Added, Participant: p.participants[e.ID.Participant], Endpoint: *e})
	}
	events = slices.AppendSeq(events, maps.Values(p.unreadable))
	for _, reported := range []map[pair]Event{p.mismatches, p.unavailable} {
		events = slices.AppendSeq(events, maps.Values(reported))
	}
	return append(events, p.missedDeadlines()...)
}

// Events yields the present state first: participants as Joined, endpoints as Added, mismatched types as TypeMismatch,
// shared memory that cannot be used as Unavailable, and deadlines that are missed now as DeadlineMissed. Then it yields changes as they happen, until ctx is done, the participant
// closes, or the caller leaves the loop. Changes of this participant are included. Each call has a queue of its own. A loop that falls
// more than a few thousand events behind loses the newest of them; an EventsDropped gives their number.
func (p *Participant) Events(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		// From here on every participant and endpoint is known. The only permanent error is that of a closed participant.
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
		l := &listener{wake: make(chan struct{}, 1), capacity: eventBacklog}
		p.mu.Lock()
		l.queue = p.currentEvents() // without a limit
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
			batch, dropped, ended := l.queue, l.dropped, l.ended
			l.queue, l.capacity, l.dropped = nil, eventBacklog, 0
			p.mu.Unlock()
			for _, e := range batch {
				if ctx.Err() != nil || !yield(e) {
					return
				}
			}
			if dropped > 0 && !yield(Event{Kind: EventsDropped, Err: fmt.Errorf("%d events were dropped: more than %d were waiting", dropped, eventBacklog)}) {
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
