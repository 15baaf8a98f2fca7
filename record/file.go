package record

import "github.com/shmbus/shmbus/record/mcapfile"

// Publishers tells the publishers of a recording's messages apart. The zero value is ready for a file that is read from its beginning. It
// is for one goroutine at a time.
type Publishers struct {
	from  *attribution
	known int
}

// Of returns the publisher of a message, "" if the recording does not tell, and the publisher's sequence of it. metadata are the metadata
// records of the file so far.
func (p *Publishers) Of(m *mcapfile.Message, metadata []mcapfile.Metadata) (id string, sequence uint64) {
	if p.from == nil {
		p.from = newAttribution()
	}
	var damage *mcapfile.Damage // Info reports it
	p.known = p.from.addNew(p.known, metadata, &damage)
	publisher, sequence := p.from.publisher(m)
	return publisher.ID, sequence
}

// IsLatched reports whether a recording marks a channel as latched: its newest message is delivered to late subscribers.
func IsLatched(c *mcapfile.Channel) bool { return isLatched(c) }
