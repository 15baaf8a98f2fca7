package record

import "github.com/shmbus/shmbus/record/mcapfile"

// A PublisherIndex tells the publishers of a recording's messages apart. The zero value is ready for a file that is read from its
// beginning. It is for one goroutine at a time.
type PublisherIndex struct {
	from  *attribution
	known int
}

// Publisher returns the publisher of a message, "" if the recording does not tell, and the publisher's sequence of it. metadata are the
// metadata records of the file so far.
func (x *PublisherIndex) Publisher(m *mcapfile.Message, metadata []mcapfile.Metadata) (id string, sequence uint64) {
	if x.from == nil {
		x.from = newAttribution()
	}
	var damage *mcapfile.Damage // Info reports it
	x.known = x.from.addNew(x.known, metadata, &damage)
	p, sequence := x.from.publisher(m)
	return p.ID, sequence
}

// IsLatched reports whether a recording marks a channel as latched: its newest message is delivered to late subscribers.
func IsLatched(c *mcapfile.Channel) bool { return isLatched(c) }
