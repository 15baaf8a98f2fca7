package shmtransport

import (
	"errors"
	"fmt"
)

// ErrLoanEnded says that a loan was committed or discarded before. The earlier call stands; this one had no effect.
var ErrLoanEnded = errors.New("the loan has ended: it was committed or discarded before")

// A TooLargeError says that a payload exceeds the publisher's limit or the loan it was written into. Nothing was
// published.
type TooLargeError struct {
	Size, Limit int64 // bytes
	Loan        bool  // Limit is the length of the loan
	ReadOnly    bool  // Limit is that of a passive reader: the sample was published, and the connection closed
}

func (e *TooLargeError) Error() string {
	if e.ReadOnly {
		return fmt.Sprintf("payload of %d bytes is larger than the %d that a read-only subscription copies; take part in the domain to read it", e.Size, e.Limit)
	}
	if e.Loan {
		return fmt.Sprintf("payload of %d bytes does not fit the loan of %d; ask for a loan that is large enough", e.Size, e.Limit)
	}
	return fmt.Sprintf("payload of %d bytes is larger than the publisher's limit of %d; raise MaxPayload or split the payload", e.Size, e.Limit)
}

// A NoSlotError says that a publisher has no slot for a payload: its memory limit is reached, the file system is full, or
// this process may map no more, and readers hold all slots. Nothing was published.
type NoSlotError struct {
	Needed    int64 // bytes of the slot
	Available int64 // bytes that are available
	Limit     int64 // the publisher's memory limit, bytes
	Held      int   // slots that readers hold, in the ring and out of it
	Keys      int   // slots that hold the newest sample of a key
	Err       error // a *SpaceError or *MemoryError of errdefs; nil when the publisher's own limit was reached
}

func (e *NoSlotError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("no slot of %d bytes, %d slots held by readers: %v", e.Needed, e.Held, e.Err)
	}
	if e.Keys > 0 {
		return fmt.Sprintf("no slot of %d bytes: %d bytes available of the publisher's limit of %d, %d slots held by readers and %d for the newest sample of a key; raise MemoryLimit, dispose of keys, or release samples earlier",
			e.Needed, e.Available, e.Limit, e.Held, e.Keys)
	}
	return fmt.Sprintf("no slot of %d bytes: %d bytes available of the publisher's limit of %d, %d slots held by readers; raise MemoryLimit or release samples earlier",
		e.Needed, e.Available, e.Limit, e.Held)
}

func (e *NoSlotError) Unwrap() error { return e.Err }
