package doctor

import (
	"fmt"
	"math"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// subscriptions reports subscriptions that do not keep up.
func (x *examination) subscriptions() {
	for _, p := range x.aliveInBoth() {
		if x.stopped(p.ID) {
			continue // the stop is the reason and has its own finding
		}
		for _, e := range p.Endpoints {
			if e.Kind == registry.KindSubscription {
				x.subscription(p, e)
			}
		}
	}
}

func (x *examination) subscription(p registry.Participant, e registry.Endpoint) {
	was, known := x.before.stats.Subscriptions[e.ID]
	now, present := x.now.stats.Subscriptions[e.ID]
	if !known || !present {
		return
	}
	got, lost := increase(taken(was), taken(now)), increase(was.Lost, now.Lost)
	if lost > 0 {
		x.add(Finding{Severity: Warning, Fault: Losing, Where: whereEndpoint(p, e),
			What: fmt.Sprintf("%s lost %d of %d messages in %s", label(p, e), lost, lost+got, formatDuration(x.report.Sampled)),
			Why:  "It takes them more slowly than they come, or not steadily enough: what the ring has no room for is overwritten.",
			Remedy: "Have it do less per message, or take several at once (ReceiveBatch), or only the newest (Latest); " +
				"or give the publisher a larger Depth; or subscribe lossless, if the publisher may wait."})
	}
	x.undecodable(p, e, was.DecodeErrors, now.DecodeErrors)
	for _, link := range x.now.links[p.ID] {
		if link.Subscription == e.ID.Number {
			x.link(p, e, link, lost > 0)
		}
	}
}

// undecodable reports payloads that are not of the announced type. Those of the past are information only.
func (x *examination) undecodable(p registry.Participant, e registry.Endpoint, was, now uint64) {
	f := Finding{Severity: Note, Fault: Undecodable, Where: whereEndpoint(p, e),
		What: fmt.Sprintf("%s could not decode %s, none of them in %s", label(p, e), plural(int(min(now, 1<<30)), "message"), formatDuration(x.report.Sampled)),
		Why:  "Their bytes were not of the type that their publisher announces.",
		Remedy: fmt.Sprintf("Correct the program that publishes: have it publish values with the codec of the type that it announces, or announce "+
			"the encoding of the bytes that it publishes. 'shmmon echo %s' shows the bytes, and the errors of %s say what is wrong with them.",
			whereEndpoint(p, e).Topic, p.Unit)}
	if n := increase(was, now); n > 0 {
		f.Severity = Warning
		f.What = fmt.Sprintf("%s could not decode %s in %s", label(p, e), plural(int(min(n, 1<<30)), "message"), formatDuration(x.report.Sampled))
		f.Why = "Their bytes are not of the type that their publisher announces."
	}
	if now > 0 {
		x.add(f)
	}
}

// increase is the growth of a counter. The counter belongs to another process and may decrease.
func increase(from, to uint64) uint64 {
	if to < from {
		return 0
	}
	return to - from
}

func label(p registry.Participant, e registry.Endpoint) string {
	return fmt.Sprintf("the subscription of %s in %s (pid %d)", whereEndpoint(p, e).Topic, p.Unit, p.PID)
}

// link examines how a subscription follows one publisher.
func (x *examination) link(p registry.Participant, e registry.Endpoint, link shmtransport.LinkState, losing bool) {
	was, ok := x.previousLink(p.ID, link)
	ring, before := x.now.ring(link), x.before.ring(was)
	if !ok || ring == nil || before == nil || !x.now.members[registry.ID(link.Publisher.Participant)].Alive {
		return
	}
	lag, lagged := ring.Backlog(link), before.Backlog(was)
	near := uint64(ring.Depth) - uint64(ring.Depth)/8
	if lag < near || lagged < near {
		return
	}
	w := whereEndpoint(p, e)
	w.Topic = x.now.topics[registry.EndpointID{Participant: registry.ID(link.Publisher.Participant), Number: link.Publisher.Number}]
	took, came := increase(before.Next(was), ring.Next(link)), increase(before.Head, ring.Head)
	switch {
	case took == 0 && e.Lossless && ring.Waiting && before.Waiting:
		x.add(Finding{Severity: Warning, Fault: HoldingUp, Where: w,
			What:   fmt.Sprintf("%s takes nothing, and the publisher of %s waits for it", label(p, e), w.Topic),
			Why:    "It is lossless: publishes wait for it until it has taken nothing for its timeout; then they overwrite its samples until it is at most half of the ring behind.",
			Remedy: "See why that program does not receive. If no publisher has to wait for it, subscribe without Lossless."})
	case took == 0 && came > 0 && !x.skipsMessages(p, e):
		x.add(Finding{Severity: Warning, Fault: NotTaking, Where: w,
			What:   fmt.Sprintf("%s took nothing in %s; %s came from the publisher of %s, and %d are not taken", label(p, e), formatDuration(x.report.Sampled), plural(int(came), "message"), w.Topic, lag),
			Why:    fmt.Sprintf("The ring holds %d: what came before is lost to it.", ring.Depth),
			Remedy: "See why that program does not receive: it may hang, or hold a subscription that it does not use. Close those."})
	case took > 0 && came > 0 && !losing && !e.Lossless && ring.Depth >= 8 && lag <= uint64(ring.Depth) && !x.skipsMessages(p, e):
		x.add(Finding{Severity: Warning, Fault: Lagging, Where: w,
			What:   fmt.Sprintf("%s is %d messages behind the publisher of %s, whose ring holds %d", label(p, e), lag, w.Topic, ring.Depth),
			Why:    "It has lost nothing in this moment, and will when it is a little slower.",
			Remedy: "Have it do less per message, or give the publisher a larger Depth."})
	}
}

// previousLink finds a link as it was in the first snapshot.
func (x *examination) previousLink(id registry.ID, link shmtransport.LinkState) (shmtransport.LinkState, bool) {
	for _, l := range x.before.links[id] {
		if l.Link == link.Link && l.Generation == link.Generation && l.Publisher == link.Publisher {
			return l, true
		}
	}
	return shmtransport.LinkState{}, false
}

// skipsMessages reports whether a subscription skips messages on purpose, with occasional calls of Latest. Its cursors then
// advance further than the messages that it received and lost.
func (x *examination) skipsMessages(p registry.Participant, e registry.Endpoint) bool {
	const slack = 16 // the counters follow the cursor with a delay
	var far uint64
	for _, link := range x.now.links[p.ID] {
		ring := x.now.ring(link)
		if link.Subscription != e.ID.Number || ring == nil || link.Cursor == math.MaxUint64 {
			continue
		}
		if a, ok := ring.Admission(link); ok {
			far += increase(a.Start, link.Cursor)
		}
	}
	counted := x.now.stats.Subscriptions[e.ID]
	return far > taken(counted)+counted.Lost+slack
}

// taken is the number of messages that a subscription took: it received them, or its limits of age and rate kept them from the
// application.
func taken(f registry.SubscriptionStats) uint64 { return f.Messages + f.Stale + f.Filtered }

// Fewer samples and bytes may be held on purpose, such as a newest value.
const (
	minHeldSamples = 8        // samples
	minHeldBytes   = 16 << 20 // bytes
)

// maxMarked bounds the work that marks can cause.
const maxMarked = 50_000

// held reports samples that are not released, so that publishers cannot reuse their slots.
func (x *examination) held() {
	for _, p := range x.aliveInBoth() {
		for _, link := range x.now.links[p.ID] {
			if was, ok := x.previousLink(p.ID, link); ok {
				x.checkHeld(p, was, link)
			}
		}
	}
}

func (x *examination) checkHeld(p registry.Participant, was, link shmtransport.LinkState) {
	ring := x.now.ring(link)
	if ring == nil || x.before.ring(was) == nil {
		return
	}
	n, bytes, oldest := 0, int64(0), x.now.at
	for k, mark := range link.Marks {
		if mark == 0 || k >= len(was.Marks) || was.Marks[k] != mark {
			continue
		}
		if x.marksInspected++; x.marksInspected > maxMarked {
			return
		}
		slot, ok := ring.Held(mark)
		// A sample in the ring costs nothing. A sample published since the first snapshot is not held for long.
		if ok && slot.Sequence+uint64(ring.Depth) <= ring.Head && slot.Published < x.before.at {
			n, bytes, oldest = n+1, bytes+slot.Size, min(oldest, slot.Published)
		}
	}
	if n < minHeldSamples && bytes < minHeldBytes {
		return
	}
	w := whereParticipant(p)
	w.Endpoint = link.Subscription
	w.Topic = x.now.topics[registry.EndpointID{Participant: registry.ID(link.Publisher.Participant), Number: link.Publisher.Number}]
	x.add(Finding{Severity: Warning, Fault: Held, Where: w,
		What: fmt.Sprintf("%s (pid %d) holds %s of %s, %s, the oldest published %s ago", p.Unit, p.PID, plural(n, "sample"), w.Topic, formatSize(bytes),
			formatDuration(time.Duration(x.now.at-oldest))),
		Why:    "The publisher cannot use these slots. It takes more memory instead, and fails when it may not.",
		Remedy: "Release samples as soon as they are read (Sample.Release), and copy what has to be kept."})
}

// formatDuration formats a duration for people.
func formatDuration(d time.Duration) string { return d.Round(max(time.Millisecond, d/1000)).String() }
