package group

import "github.com/shmbus/shmbus/topic"

// A Delivery is a sample that this member has, and no other one, until Ack, Return, Close of the member or the end of the process. Its
// methods may be called from any goroutine.
type Delivery[T any] struct {
	core *core
	kept *kept

	claim       uint64 // which of this member's claims to the sample
	redelivered bool
}

// Sample returns the sample. It is in place and valid until Ack or Close of the member. The caller must not release it.
func (d Delivery[T]) Sample() topic.Sample[T] { return d.kept.sample.(topic.Sample[T]) }

// Value decodes the sample, as topic.Sample.Value.
func (d Delivery[T]) Value() (T, error) { return d.Sample().Value() }

// Redelivered reports whether a member had the sample before and did not acknowledge it. The work on it may have been done in part.
func (d Delivery[T]) Redelivered() bool { return d.redelivered }

// Ack says that the work on the sample is done. No member gets it again. On error the member still has it. The error is
// os.ErrClosed after Close of the member: then another member gets the sample. After Ack or Return, Ack does nothing.
func (d Delivery[T]) Ack() error { return d.core.acknowledge(d.kept, d.claim) }

// Return gives the sample to another member, or after a while to this one, marked as Redelivered. After Ack or Return, Return does nothing.
func (d Delivery[T]) Return() error { return d.core.unclaim(d.kept, d.claim) }
