package doctor

import (
	"fmt"
	"math"
	"time"

	"github.com/shmbus/shmbus/registry"
)

// Amounts from which unused memory is reported.
const (
	minLoans     = 8
	minIdleBytes = 16 << 20 // bytes
)

// publishers reports publishers that fail, and slots that are not used.
func (x *examination) publishers() {
	for _, p := range x.aliveInBoth() {
		for _, e := range p.Endpoints {
			was, known := x.before.stats.Publishers[e.ID]
			now, present := x.now.stats.Publishers[e.ID]
			if known && present {
				x.publisher(p, e, was, now)
			}
		}
	}
}

func (x *examination) publisher(p registry.Participant, e registry.Endpoint, was, now registry.PublisherStats) {
	subject := fmt.Sprintf("the publisher of %s in %s (pid %d)", e.Topic, p.Unit, p.PID)
	if n := increase(was.Failed, now.Failed); n > 0 {
		x.add(Finding{Severity: Warning, Fault: Failing, Where: whereEndpoint(p, e),
			What:   fmt.Sprintf("%s failed to publish %s in %s", subject, plural(int(min(n, 1<<30)), "time"), formatDuration(x.report.Sampled)),
			Why:    "These messages were not published, and no subscription counts them as lost. The program has the error.",
			Remedy: "See what it says. Mostly there is no memory (see nearly-full, held and loans), or the message is larger than MaxPayload."})
	}
	if a, b := was.Loans, now.Loans; min(a, b) >= minLoans {
		x.add(Finding{Severity: Warning, Fault: Loans, Where: whereEndpoint(p, e),
			What:   fmt.Sprintf("%s has lent its program %d slots that were neither published nor given back", subject, b),
			Why:    "These slots are not in use, and they are not free: a loan that is forgotten costs its memory until the publisher closes.",
			Remedy: "End each loan, on every path: Commit it or Discard it."})
	}
	ring, before := x.now.rings[e.ID], x.before.rings[e.ID]
	if ring == nil || before == nil {
		return
	}
	if ring.Full && before.Full {
		x.add(Finding{Severity: Warning, Fault: NoPlace, Where: whereEndpoint(p, e),
			What:   fmt.Sprintf("%s has no place for another subscription: %s are connected", subject, plural(len(ring.Admitted), "subscription")),
			Why:    "A new subscription gets nothing from it, and an error that says so.",
			Remedy: "Close subscriptions that are not needed, or publish the same on another topic for some of them."})
	}
	idle := min(x.idleBytes(e.ID), int64(min(now.Memory, math.MaxInt64)))
	if idle >= minIdleBytes && len(x.now.inaccessible) == 0 && idle >= int64(now.Memory/2) && was.Messages >= uint64(ring.Depth) {
		x.add(Finding{Severity: Note, Fault: IdleMemory, Where: whereEndpoint(p, e),
			What:   fmt.Sprintf("%s has %s in slots of sizes that nothing it has published lately needs", subject, formatSize(idle)),
			Why:    "Messages were larger once. Slots of that size stay until the publisher closes or comes to its MemoryLimit.",
			Remedy: "If it matters, give that publisher a MemoryLimit, or publish the large messages on a topic of their own."})
	}
}

// idleBytes is the number of bytes in arenas to which neither the ring nor a reader's mark refers.
func (x *examination) idleBytes(id registry.EndpointID) int64 {
	ring := x.now.rings[id]
	var marks []uint32
	for _, a := range ring.Admitted {
		for _, link := range x.now.links[registry.ID(a.Reader)] {
			if link.Link == a.Link && link.Generation == a.Generation {
				marks = append(marks, link.Marks...)
			}
		}
	}
	return ring.IdleBytes(marks)
}

// staleReaders reports readers that no longer exist and whose marks publishers still respect. A publisher that missed a
// wake-up checks once a second, so shorter states are no fault.
func (x *examination) staleReaders() {
	for _, p := range x.aliveInBoth() {
		for _, e := range p.Endpoints {
			ring, before := x.now.rings[e.ID], x.before.rings[e.ID]
			if e.Kind != registry.KindPublisher || ring == nil || before == nil {
				continue
			}
			gone := 0
			for _, a := range ring.Admitted {
				reader := registry.ID(a.Reader)
				was := false
				for _, b := range before.Admitted {
					was = was || a == b
				}
				switch {
				case !was || x.now.members[reader].Alive || x.before.members[reader].Alive:
				case x.now.dead[reader] && x.before.dead[reader]:
					x.deadReader(p, e, reader, a.Link)
				case !x.now.owners[reader]:
					gone++
				}
			}
			// A publisher that missed the wake-up checks once a second.
			if gone > 0 && !x.now.truncated && x.report.Sampled > time.Second {
				x.add(Finding{Severity: Note, Fault: GoneReader, Where: whereEndpoint(p, e),
					What: fmt.Sprintf("the publisher of %s in %s (pid %d) watches %s of participants that are not in the domain any more",
						e.Topic, p.Unit, p.PID, plural(gone, "subscription")),
					Why:    "They left and still hold samples, whose slots are not used until they let go; or the publisher is stopped and has not heard that they went.",
					Remedy: "Release samples before leaving. If the publisher is stopped, let it go on."})
			}
		}
	}
}

func (x *examination) deadReader(p registry.Participant, e registry.Endpoint, reader registry.ID, link uint32) {
	n := 0
	for _, l := range x.now.links[reader] {
		if l.Link == link {
			n += countMarks(l.Marks)
		}
	}
	why := "Publishers notice a death within 100 ms and forget the marks of the dead; this one has not, so these slots are not used."
	remedy := "See whether that program hangs."
	command := ""
	if x.stopped(p.ID) {
		why = "The process of the publisher is stopped. It forgets these marks as soon as it goes on."
		remedy, command = "Let it go on.", fmt.Sprintf("kill -CONT %d", p.PID)
	}
	dead := fmt.Sprintf("participant %v", reader)
	if p, ok := x.now.members[reader]; ok {
		dead = fmt.Sprintf("%s (pid %d)", p.Unit, p.PID)
	}
	x.add(Finding{Severity: Warning, Fault: DeadReader, Where: whereEndpoint(p, e), Why: why, Remedy: remedy, Command: command,
		What: fmt.Sprintf("the publisher of %s in %s (pid %d) keeps %s marked for %s, which is dead", e.Topic, p.Unit, p.PID, plural(n, "slot"), dead)})
}
