package watch

import (
	"path/filepath"
	"strconv"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// A Link is the connection of a subscription to one publisher, as the reader file of the subscription's participant has it. It is
// current at all times, also while the subscription takes nothing.
type Link struct {
	Publisher, Subscription registry.EndpointID
	Start                   uint64 // first sequence that the subscription accounts for; 0: not known
	Next                    uint64 // sequence that the subscription takes next; 0 before the publisher admitted it
	Held                    uint64 // samples that the application has not released
}

// An admission is a link by the names that its start has in the publisher's file. The start never changes.
type admission struct {
	publisher, reader uint64
	number            uint32
	link, generation  uint32
}

// disconnected is the cursor of a link that ended.
const disconnected = ^uint64(0)

// links reads the links of all subscriptions. Files that cannot be read, such as those of users that only may read, yield none.
func (d *Domain) links(all []registry.Participant) []Link {
	var links []Link
	starts := make(map[admission]uint64, len(d.starts))
	for _, p := range all {
		if !p.Alive || !subscribes(p) {
			continue
		}
		states, err := shmtransport.InspectReader(filepath.Join(d.dir, p.ID.String()+"."+registry.SuffixReader), uint64(p.ID))
		if err != nil {
			continue
		}
		for _, s := range states {
			if s.Cursor == disconnected {
				continue
			}
			l := Link{
				Publisher:    registry.EndpointID{Participant: registry.ID(s.Publisher.Participant), Number: s.Publisher.Number},
				Subscription: registry.EndpointID{Participant: p.ID, Number: s.Subscription}, Next: s.Cursor,
			}
			key := admission{s.Publisher.Participant, s.Reader, s.Publisher.Number, s.Link, s.Generation}
			start, read := d.starts[key]
			if !read || start == 0 {
				start = d.start(s)
			}
			starts[key], l.Start = start, start
			if l.Next == 0 {
				l.Next = start
			}
			for _, m := range s.Marks {
				if m != 0 {
					l.Held++
				}
			}
			links = append(links, l)
		}
	}
	d.starts = starts
	return links
}

func subscribes(p registry.Participant) bool {
	for _, e := range p.Endpoints {
		if e.Kind == registry.KindSubscription {
			return true
		}
	}
	return false
}

// start returns the first sequence that a link accounts for, from the publisher's admission of it; 0 before that.
func (d *Domain) start(s shmtransport.LinkState) uint64 {
	path := filepath.Join(d.dir, registry.ID(s.Publisher.Participant).String()+"."+registry.SuffixPublisher+strconv.FormatUint(uint64(s.Publisher.Number), 10))
	p, err := shmtransport.InspectHeader(path, s.Publisher)
	if err != nil {
		return 0
	}
	a, _ := p.Admission(s)
	return a.Start
}

// stepped returns how many messages a link has accounted for: those that the subscription took, passed over or lost; known is false if the
// publisher's file does not tell.
func (l *Link) stepped() (n uint64, known bool) {
	if l.Start == 0 || l.Next < l.Start || l.Next-l.Start >= 1<<48 {
		return 0, false
	}
	return l.Next - l.Start, true
}

// overwritten returns how many messages a link has not taken that the ring of depth messages does not have any more.
func (l *Link) overwritten(messages uint64, depth uint32) uint64 {
	if l.Next == 0 || l.Next > messages || messages-l.Next >= 1<<40 {
		return 0
	}
	n := messages - l.Next + 1
	return n - min(n, uint64(depth))
}

// lag returns how many messages a link has not taken that are still in the publisher's ring of depth messages. The count of messages is
// a publisher's newest sequence. It is read before the link, so the link may be ahead of it.
func (l *Link) lag(messages uint64, depth uint32) uint64 {
	if l.Next == 0 || l.Next > messages || messages-l.Next >= 1<<40 {
		return 0
	}
	return min(messages-l.Next+1, uint64(depth))
}
