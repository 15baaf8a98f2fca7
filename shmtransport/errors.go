package shmtransport

import (
	"errors"
	"fmt"

	"github.com/shmbus/shmbus/internal/shm"
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

// A NoSpaceError says that there was no memory for a publisher, a subscription, a connection, or the slot of a payload.
// For a slot, the publisher's limit is reached, the file system is full, or this process may map no more, and readers
// hold all slots. Nothing was published.
type NoSpaceError struct {
	Needed    int64 // bytes, of a slot if it is for one
	Available int64 // bytes that are available
	Limit     int64 // the publisher's memory limit, bytes; 0 where it is not for a slot
	Held      int   // slots that readers hold, in the ring and out of it
	Err       error // a *SpaceError or a *MemoryError, nil when the publisher's own limit was reached
}

// A SpaceError says that the file system is full.
type SpaceError = shm.SpaceError

// A MemoryError says that this process may map no more shared memory.
type MemoryError = shm.MemoryError

func (e *NoSpaceError) Error() string {
	if e.Err != nil && e.Limit == 0 {
		return e.Err.Error()
	}
	if e.Err != nil {
		return fmt.Sprintf("no space for a slot of %d bytes, %d slots held by readers: %v", e.Needed, e.Held, e.Err)
	}
	return fmt.Sprintf("no space for a slot of %d bytes: %d available of the publisher's limit of %d, %d slots held by readers; raise MemoryLimit or release samples earlier",
		e.Needed, e.Available, e.Limit, e.Held)
}

func (e *NoSpaceError) Unwrap() error { return e.Err }

// A CorruptError says that shared memory written by another process is invalid. Its connection is closed; others are
// not affected.
type CorruptError struct {
	Where string // file, and the field in it
	What  string
}

func (e *CorruptError) Error() string { return fmt.Sprintf("corrupt %s: %s", e.Where, e.What) }

// A VersionError says that another process was built with another layout of the shared files.
type VersionError struct {
	Path         string
	Theirs, Ours uint32
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has layout version %d, this program speaks version %d: build both programs with the same release of shmbus, or keep them in different domains (SHMBUS_DOMAIN)",
		e.Path, e.Theirs, e.Ours)
}

// A LimitError says that a fixed limit is reached.
type LimitError struct {
	What   string
	Limit  int
	Remedy string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("too many %s: the limit is %d; %s", e.What, e.Limit, e.Remedy)
}
