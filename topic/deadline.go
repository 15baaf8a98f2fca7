package topic

import (
	"fmt"
	"time"
)

// minDeadline is the shortest deadline of a subscriber.
const minDeadline = time.Millisecond

// A DeadlineError says that no publisher of a subscription has published anything for Gap, at least its Deadline.
type DeadlineError struct {
	Topic     string // the first pattern of the subscription
	Deadline  time.Duration
	Gap       time.Duration // since the newest sample or, if that is later, since the subscriber was made
	Publisher PublisherID   // of the newest sample; zero if there is none
}

func (e *DeadlineError) Error() string {
	s := fmt.Sprintf("nothing was published on %q for %v; the deadline is %v", e.Topic, e.Gap, e.Deadline)
	if e.Publisher == (PublisherID{}) {
		return s + ", and no publisher has published yet"
	}
	return fmt.Sprintf("%s, and publisher %v was the last", s, e.Publisher)
}

// deadlineState tells from the stamps of published samples whether a deadline is missed. Times are in ns.
type deadlineState struct {
	deadline int64
	last     int64       // when something was published last, at first when the subscriber was made
	by       PublisherID // the publisher; zero if none
	missed   bool
}

// advance takes the newest stamp that is known now, and its publisher. It returns the kind of event that follows, or 0, and the gap
// that the event reports. A sample that came since the last check ends a miss, even if it is old by now: the next check finds that.
func (d *deadlineState) advance(now, stamp int64, by PublisherID) (kind EventKind, gap int64) {
	if by != (PublisherID{}) {
		d.by = by
	}
	before := d.last
	d.last = max(d.last, stamp)
	switch age := now - d.last; {
	case !d.missed && age >= d.deadline:
		d.missed = true
		return DeadlineMissed, age
	case d.missed && d.last > before:
		d.missed = false
		return DeadlineMet, d.last - before
	}
	return 0, 0
}

// untilCheck returns the time to the next check: when the deadline will be missed if nothing is published, or a tenth of the deadline,
// from 1 ms to 1 s, while it is missed. Hostile stamps do not shorten it below a tenth.
func (d *deadlineState) untilCheck(now int64) int64 {
	tenth := d.deadline / 10
	if d.missed {
		return min(max(tenth, int64(time.Millisecond)), int64(time.Second))
	}
	return max(d.last+d.deadline-now, tenth)
}

// deadlineWatch checks the rings of a subscription when its deadline may have been missed. Guarded by the participant's mu.
type deadlineWatch struct {
	state   deadlineState
	event   Event // the last one
	timer   *time.Timer
	stopped bool
}

// startDeadline begins to watch the deadline of a subscription.
func (sub *subscriberCore) startDeadline(deadline time.Duration) {
	sub.p.mu.Lock()
	defer sub.p.mu.Unlock()
	w := &sub.deadline
	if w.stopped {
		return
	}
	w.state = deadlineState{deadline: int64(deadline), last: sub.p.clock.Now()}
	w.timer = time.AfterFunc(deadline, sub.checkDeadline)
}

// stopDeadline ends the watch. No event follows.
func (sub *subscriberCore) stopDeadline() {
	sub.p.mu.Lock()
	defer sub.p.mu.Unlock()
	sub.deadline.stopped = true
	if sub.deadline.timer != nil {
		sub.deadline.timer.Stop()
	}
}

// checkDeadline runs when the timer expires, on a goroutine of its own. One call runs at a time, because it sets the timer again at its
// end. After a stop of the process the timer expires once, so there is at most one event for the whole time.
func (sub *subscriberCore) checkDeadline() {
	p, w := sub.p, &sub.deadline
	began := p.clock.Now() // what is published while this goroutine waits for a lock is not seen below
	stamp, by := sub.reader.LastPublished(began - w.state.deadline/10)
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.stopped || p.closed {
		return
	}
	var id PublisherID
	if stamp != 0 {
		id = publisherID(by)
	}
	if kind, gap := w.state.advance(began, stamp, id); kind != 0 {
		sub.reportDeadline(kind, time.Duration(gap))
	}
	w.timer.Reset(time.Duration(w.state.untilCheck(p.clock.Now())))
}

// reportDeadline emits an event about the deadline. Called with p.mu held.
func (sub *subscriberCore) reportDeadline(kind EventKind, gap time.Duration) {
	p, w := sub.p, &sub.deadline
	w.event = Event{Kind: kind, Participant: p.participantInfo(p.reg.ID()), Endpoint: sub.endpoint, Gap: gap}
	if kind == DeadlineMissed {
		w.event.Err = &DeadlineError{Topic: sub.endpoint.Topic, Deadline: time.Duration(w.state.deadline), Gap: gap, Publisher: w.state.by}
		p.log.Warn("a deadline was missed", "err", w.event.Err)
	} else {
		p.log.Info("a deadline is met again", "topic", sub.endpoint.Topic, "gap", gap)
	}
	p.emit(w.event)
}

// missedDeadlines returns the events of the subscriptions whose deadlines are missed now. Called with mu held.
func (p *Participant) missedDeadlines() (events []Event) {
	for _, sub := range p.subs {
		if sub.deadline.state.missed && !sub.deadline.stopped {
			events = append(events, sub.deadline.event)
		}
	}
	return events
}
