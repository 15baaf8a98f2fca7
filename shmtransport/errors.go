package shmtransport

import (
	"errors"
	"fmt"

	"github.com/shmbus/shmbus/internal/shm"
)

// ErrLoanEnded says that a loan was committed or abandoned before. The earlier call stands, this one did nothing.
var ErrLoanEnded = errors.New("the loan has ended: it was committed or abandoned before")

// A TooLargeError says that a payload exceeds what the publisher allows, or the loan it was written into. Nothing was
// published.
type TooLargeError struct {
	Size, Limit int64 // bytes
	Loan        bool  // Limit is the length of the loan
	ReadOnly    bool  // Limit is what a reader copies that only watches: it was published, and the connection given up
}

func (e *TooLargeError) Error() string {
	if e.ReadOnly {
		return fmt.Sprintf("payload of %d bytes is larger than the %d that are copied for whoever only reads; take part in the domain to read it", e.Size, e.Limit)
	}
	if e.Loan {
		return fmt.Sprintf("payload of %d bytes does not fit the loan of %d; ask for a loan that is large enough", e.Size, e.Limit)
	}
	return fmt.Sprintf("payload of %d bytes is larger than the publisher's limit of %d; raise MaxPayload or split the payload", e.Size, e.Limit)
}

// A NoSpaceError says that there was no memory for a publisher, a subscription or a connection, or no slot for a payload: the
// publisher's memory limit is reached, or the file system is full, or this process may map no more, and readers hold everything
// there is. Nothing was published.
type NoSpaceError struct {
	Needed    int64 // bytes, of a slot if it is for one
	Available int64 // bytes that could still be taken
	Limit     int64 // the publisher's memory limit, bytes; 0 where it is not for a slot
	Held      int   // slots that readers hold, in the ring and out of it
	Err       error // a *SpaceError or a *MemoryError, nil when the publisher's own limit was reached
}

// A SpaceError is the answer of a file system that is full.
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

// A CorruptError says that shared memory written by another process cannot be what it should be. The connection it came
// over is given up; others are not touched.
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

// A LimitError says that a fixed number of things is used up.
type LimitError struct {
	What   string
	Limit  int
	Remedy string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("too many %s: the limit is %d; %s", e.What, e.Limit, e.Remedy)
}
