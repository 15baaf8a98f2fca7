package shmtransport

import "fmt"

// A PublisherID names one publisher of a domain. It is never reused.
type PublisherID struct {
	Participant uint64
	Number      uint32 // unique within the participant
}

func (id PublisherID) String() string { return fmt.Sprintf("%016x.%d", id.Participant, id.Number) }
