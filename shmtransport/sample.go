package shmtransport

// A Sample is one message, in place in its publisher's memory. The payload is valid until Release; after that the
// publisher may write something else there. A Sample is a small value; copies stand for the same message.
type Sample struct {
	link     *Link
	payload  []byte
	sequence uint64
	stamp    int64
	lost     uint64
	use      uint64
	mark     int
}

// Payload returns the message's bytes, nil after Release. They are read-only memory: writing to them is a fault.
func (s Sample) Payload() []byte {
	if s.link == nil || s.link.uses[s.mark].Load() != s.use {
		return nil
	}
	return s.payload
}

// Sequence is the message's position among its publisher's, from 1.
func (s Sample) Sequence() uint64 { return s.sequence }

// Stamp is when it was published, in nanoseconds of CLOCK_MONOTONIC.
func (s Sample) Stamp() int64 { return s.stamp }

// Lost is how many of this publisher's messages were overwritten unread just before this one.
func (s Sample) Lost() uint64 { return s.lost }

// Publisher says who published it.
func (s Sample) Publisher() PublisherID {
	if s.link == nil {
		return PublisherID{}
	}
	return s.link.id
}

// Tag is what Request.Tag was when the publisher was connected.
func (s Sample) Tag() any {
	if s.link == nil {
		return nil
	}
	return s.link.tag
}

// Release lets the publisher reuse the memory. Only the first call on a message does anything; any goroutine may make it.
func (s Sample) Release() {
	if s.link != nil {
		s.link.release(s.mark, s.use)
	}
}
