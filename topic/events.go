package topic

import (
	"context"
	"fmt"
	"iter"

	"github.com/shmbus/shmbus/registry"
)

// EventKind says what an Event is about.
type EventKind uint8

const (
	Joined       EventKind = 1 + iota // a participant joined the domain
	Left                              // a participant left in an orderly way
	Died                              // a participant's process ended without leaving
	Added                             // a publisher or subscription was made
	Removed                           // a publisher or subscription is gone
	TypeMismatch                      // a publisher and a subscription, one of them ours, do not fit: Err is a *registry.TypeMismatchError
	Unusable                          // somebody's shared memory is corrupt, of another version, or beyond a limit: Err
	Missed                            // the listener was too slow, Err says how many events it missed
)

var eventNames = [...]string{
	Joined: "joined", Left: "left", Died: "died", Added: "added", Removed: "removed",
	TypeMismatch: "type mismatch", Unusable: "unusable", Missed: "missed",
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
	Participant registry.Participant // whom it is about, without Entities
	Entity      registry.Entity      // Added, Removed, TypeMismatch: the publisher or subscription, the other side's for TypeMismatch
	Err         error
}

// eventBacklog is how many events a listener may be behind.
const eventBacklog = 4096

// listener is one consumer of events.
type listener struct {
	queue  []Event // guarded by the participant's mu
	missed int
	wake   chan struct{} // holds one token
	ended  bool
}

func (l *listener) add(e Event) {
	if len(l.queue) == eventBacklog {
		l.missed++
		return
	}
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

// Events yields first what is there already, as Joined and Added, then what happens, until ctx is done, the participant
// closes, or the loop is left. This participant's own doings are events too. Each call listens for itself.
func (p *Participant) Events(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		l := &listener{wake: make(chan struct{}, 1)}
		p.mu.Lock()
		for _, u := range p.units {
			l.add(Event{Kind: Joined, Participant: u})
		}
		for _, e := range p.entities {
			l.add(Event{Kind: Added, Participant: p.units[e.ID.Participant], Entity: e})
		}
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
			l.queue, l.missed = nil, 0
			p.mu.Unlock()
			for _, e := range batch {
				if ctx.Err() != nil || !yield(e) {
					return
				}
			}
			if missed > 0 && !yield(Event{Kind: Missed, Err: fmt.Errorf("%d events were missed: more than %d were waiting", missed, eventBacklog)}) {
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
