package shmtransport

import (
	"sync/atomic"

	"github.com/shmbus/shmbus/shmtransport/internal/waitset"
)

// A ReaderSet is the state that all Readers of a participant share: how they wait, their budget of mapped memory, and
// the timer of their statistics. The zero value is ready to use.
type ReaderSet struct {
	waits      waitset.Set
	staleStats staleStats

	mappedBytes  atomic.Int64 // bytes of slots that the Readers have mapped
	mappedArenas atomic.Int64 // number of arenas that the Readers have mapped
}
