package topic

import (
	"os"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// ErrClosed says that a participant, publisher, subscriber or sample was used after Close or Release. It is os.ErrClosed.
var ErrClosed = os.ErrClosed

// ErrLoanEnded says that a loan was committed or discarded before. The earlier call stands; this call had no effect.
var ErrLoanEnded = shmtransport.ErrLoanEnded

// Each condition has one error type, which errors.As finds in the errors of functions, of methods and of events. All types
// are pointers. Their texts say what failed, the limit and the remedy.
type (
	// A NameError says that a name or pattern breaks a rule: What kind of name, the Name and the Rule.
	NameError = registry.NameError

	// A DirError says that the directory Dir cannot serve as a domain: the Reason, the Remedy, and Err, the cause or nil.
	DirError = registry.DirError

	// A PolicyError says that the policy file Path is not valid: the Line with its Text, or 0 for the whole file; What is
	// wrong; the Remedy. Join refuses the domain.
	PolicyError = registry.PolicyError

	// An AccessError says that the kernel refused this process an operation: What operation, on the file Path with its
	// Mode, UID and GID, for the User and Groups of this process. Err is the kernel's answer.
	AccessError = registry.AccessError

	// A ForbiddenError says that a Rule of the file Policy forbids a user or group to publish on Topic or to subscribe to
	// it, depending on Kind.
	ForbiddenError = registry.ForbiddenError

	// A NameConflictError says that a foreign file has a name that shmbus needs: its Path, Mode and owner UID, and the
	// Remedy.
	NameConflictError = registry.NameConflictError

	// A TypeMismatchError says that a Publisher and a Subscription of Topic have different types. The subscription gets no
	// sample of that publisher.
	TypeMismatchError = registry.TypeMismatchError

	// A LimitError says that a fixed limit was reached: What there would be too much of, the Limit, and the Remedy. Nothing
	// was changed. Receive returns it when MaxHeld samples of a publisher are held.
	LimitError = errdefs.LimitError

	// A VersionError says that the shared file Path was written by a program with another layout version: Found in the
	// file, Known to this program.
	VersionError = errdefs.VersionError

	// A CorruptError says that the content of the shared file Path fails a check: What is wrong, and Err, the cause or nil.
	// The connection to its owner is closed; others are not affected.
	CorruptError = errdefs.CorruptError

	// A SpaceError says that the file system of the domain has no room at Path: bytes Needed and Available; Files is true
	// if it takes no further file. Err is the kernel's answer. Nothing was allocated.
	SpaceError = errdefs.SpaceError

	// A MemoryError says that this process may not map the file Path: bytes of address space Needed and Available (-1
	// without a limit), mappings in use (Maps) and allowed (MaxMaps, 0 if unknown). Err is the kernel's answer. Nothing was
	// allocated.
	MemoryError = errdefs.MemoryError

	// A NoSlotError says that a publisher has no slot for a payload: bytes Needed and Available, the publisher's Limit, and
	// the number of slots Held by readers. Err is a *SpaceError, a *MemoryError, or nil if MemoryLimit was reached. Nothing
	// was published.
	NoSlotError = shmtransport.NoSlotError

	// A TooLargeError says that a payload of Size bytes exceeds a Limit: MaxPayload of the publisher, the length of the loan
	// (Loan), or the size that a read-only participant copies (ReadOnly). Nothing was published, except in the last case, in
	// which the connection is closed.
	TooLargeError = shmtransport.TooLargeError

	// A DroppedError says that a number of Samples of a Publisher that closed or died were dropped before they were
	// received, because the subscriber keeps at most Limit bytes of such publishers.
	DroppedError = shmtransport.DroppedError
)
