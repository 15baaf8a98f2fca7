package shmtransport

import "fmt"

// A PublisherID names one publisher of a domain for as long as its participant lives; it is never given to another.
type PublisherID struct {
	Participant uint64
	Number      uint32 // unique within the participant
}

func (id PublisherID) String() string { return fmt.Sprintf("%016x.%d", id.Participant, id.Number) }
