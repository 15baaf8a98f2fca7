package doctor

import (
	"fmt"
	"math"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// subscriptions looks for those that do not keep up.
func (x *examination) subscriptions() {
	for _, p := range x.twice() {
		if x.stopped(p.ID) {
			continue // that is why, and said already
		}
		for _, e := range p.Entities {
			if e.Kind == registry.KindSubscription {
				x.subscription(p, e)
			}
		}
	}
}

func (x *examination) subscription(p registry.Participant, e registry.Endpoint) {
	was, ok := x.entity(e.ID)
	if !ok {
		return
	}
	got, lost := grown(was.Subscription.Messages, e.Subscription.Messages), grown(was.Subscription.Lost, e.Subscription.Lost)
	if lost > 0 {
		x.add(Finding{Severity: Warning, Fault: Losing, Where: of(p, e),
			What: fmt.Sprintf("%s lost %d of %d messages in %s", label(p, e), lost, lost+got, text(x.report.Sampled)),
			Why:  "It takes them more slowly than they come, or not steadily enough: what the ring has no room for is overwritten.",
			Remedy: "Have it do less per message, or take several at once (ReceiveBatch), or only the newest (Latest); " +
				"or give the publisher a larger Depth; or subscribe lossless, if the publisher may wait."})
	}
	for _, link := range x.now.links[p.ID] {
		if link.Subscription == e.ID.Number {
			x.link(p, e, link, lost > 0)
		}
	}
}

// grown is by how much a count grew. Counts are another's word.
func grown(from, to uint64) uint64 {
	if to < from {
		return 0
	}
	return to - from
}

func label(p registry.Participant, e registry.Endpoint) string {
	return fmt.Sprintf("the subscription of %s in %s (pid %d)", of(p, e).Topic, p.Unit, p.PID)
}

// link looks at how one subscription follows one publisher.
func (x *examination) link(p registry.Participant, e registry.Endpoint, link shmtransport.LinkState, losing bool) {
	was, ok := x.earlier(p.ID, link)
	ring, before := x.now.ring(link), x.before.ring(was)
	if !ok || ring == nil || before == nil || !x.now.members[registry.ID(link.Publisher.Participant)].Alive {
		return
	}
	lag, lagged := behind(ring, link), behind(before, was)
	near := uint64(ring.Depth) - uint64(ring.Depth)/8
	if lag < near || lagged < near {
		return
	}
	w := of(p, e)
	w.Topic = x.now.topics[registry.EndpointID{Participant: registry.ID(link.Publisher.Participant), Number: link.Publisher.Number}]
	took, came := grown(next(before, was), next(ring, link)), grown(before.Head, ring.Head)
	switch {
	case took == 0 && e.Lossless && ring.Waiting && before.Waiting:
		x.add(Finding{Severity: Warning, Fault: HoldingUp, Where: w,
			What:   fmt.Sprintf("%s takes nothing, and the publisher of %s waits for it", label(p, e), w.Topic),
			Why:    "It is lossless: each publish waits for it, up to its timeout; then it is an ordinary subscription until it has caught up.",
			Remedy: "See why that program does not receive. If nobody has to wait for it, subscribe without Lossless."})
	case took == 0 && came > 0 && !x.passesOver(p, e):
		x.add(Finding{Severity: Warning, Fault: NotTaking, Where: w,
			What:   fmt.Sprintf("%s took nothing in %s; %s came from the publisher of %s, and %d are not taken", label(p, e), text(x.report.Sampled), count(int(came), "message"), w.Topic, lag),
			Why:    fmt.Sprintf("The ring holds %d: what came before is lost to it.", ring.Depth),
			Remedy: "See why that program does not receive: it may hang, or hold a subscription that it does not use. Close those."})
	case took > 0 && came > 0 && !losing && !e.Lossless && ring.Depth >= 8 && lag <= uint64(ring.Depth) && !x.passesOver(p, e):
		x.add(Finding{Severity: Warning, Fault: Lagging, Where: w,
			What:   fmt.Sprintf("%s is %d messages behind the publisher of %s, whose ring holds %d", label(p, e), lag, w.Topic, ring.Depth),
			Why:    "It has lost nothing in this moment, and will when it is a little slower.",
			Remedy: "Have it do less per message, or give the publisher a larger Depth."})
	}
}

// earlier finds a link as it was at the first look.
func (x *examination) earlier(id registry.ID, link shmtransport.LinkState) (shmtransport.LinkState, bool) {
	for _, l := range x.before.links[id] {
		if l.Link == link.Link && l.Generation == link.Generation && l.Publisher == link.Publisher {
			return l, true
		}
	}
	return shmtransport.LinkState{}, false
}

// behind is how many messages were published and are not taken; 0 also when the two do not fit together.
func behind(ring *shmtransport.PublisherState, link shmtransport.LinkState) uint64 {
	cursor := next(ring, link)
	if cursor == 0 || cursor > ring.Head || ring.Head-cursor >= 1<<40 {
		return 0
	}
	return ring.Head + 1 - cursor
}

// next is the next sequence that a link takes, 0 when it is not admitted. A subscription that was never asked for a message has
// not looked where it begins.
func next(ring *shmtransport.PublisherState, link shmtransport.LinkState) uint64 {
	if link.Cursor != 0 {
		return link.Cursor
	}
	a, _ := admission(ring, link)
	return a.Start
}

// admission finds what the publisher says of a link.
func admission(ring *shmtransport.PublisherState, link shmtransport.LinkState) (shmtransport.Admission, bool) {
	for _, a := range ring.Admitted {
		if a.Reader == link.Reader && a.Link == link.Link && a.Generation == link.Generation {
			return a, true
		}
	}
	return shmtransport.Admission{}, false
}

// passesOver reports whether a subscription leaves out messages on purpose: it asks for the newest only (Latest), now and then.
// Then its cursors went further than what it received and lost.
func (x *examination) passesOver(p registry.Participant, e registry.Endpoint) bool {
	const slack = 16 // counted a moment after they are taken
	var far uint64
	for _, link := range x.now.links[p.ID] {
		ring := x.now.ring(link)
		if link.Subscription != e.ID.Number || ring == nil || link.Cursor == math.MaxUint64 {
			continue
		}
		if a, ok := admission(ring, link); ok {
			far += grown(a.Start, link.Cursor)
		}
	}
	return far > e.Subscription.Messages+e.Subscription.Lost+slack
}

// What is held on purpose, such as the newest of something, is less than this.
const (
	manyHeld = 8        // samples
	muchHeld = 16 << 20 // bytes
)

// maxMarked bounds the work that marks can cause.
const maxMarked = 50_000

// held looks for samples that are not released and keep publishers from using their slots.
func (x *examination) held() {
	for _, p := range x.twice() {
		for _, link := range x.now.links[p.ID] {
			if was, ok := x.earlier(p.ID, link); ok {
				x.holds(p, was, link)
			}
		}
	}
}

func (x *examination) holds(p registry.Participant, was, link shmtransport.LinkState) {
	ring := x.now.ring(link)
	if ring == nil || x.before.ring(was) == nil {
		return
	}
	n, bytes, oldest := 0, int64(0), x.now.at
	for k, mark := range link.Marks {
		if mark == 0 || k >= len(was.Marks) || was.Marks[k] != mark {
			continue
		}
		if x.marked++; x.marked > maxMarked {
			return
		}
		slot, ok := ring.Held(mark)
		// What is still in the ring costs nothing; what was published since the first look is not held for long.
		if ok && slot.Sequence+uint64(ring.Depth) <= ring.Head && slot.Published < x.before.at {
			n, bytes, oldest = n+1, bytes+slot.Size, min(oldest, slot.Published)
		}
	}
	if n < manyHeld && bytes < muchHeld {
		return
	}
	w := whose(p)
	w.Entity = link.Subscription
	w.Topic = x.now.topics[registry.EndpointID{Participant: registry.ID(link.Publisher.Participant), Number: link.Publisher.Number}]
	x.add(Finding{Severity: Warning, Fault: Held, Where: w,
		What: fmt.Sprintf("%s (pid %d) holds %s of %s, %s, the oldest published %s ago", p.Unit, p.PID, count(n, "sample"), w.Topic, size(bytes),
			text(time.Duration(x.now.at-oldest))),
		Why:    "The publisher cannot use these slots. It takes more memory instead, and fails when it may not.",
		Remedy: "Release samples as soon as they are read (Sample.Release), and copy what has to be kept."})
}

// text is a duration for people.
func text(d time.Duration) string { return d.Round(max(time.Millisecond, d/1000)).String() }
