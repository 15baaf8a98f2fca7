package topic

import (
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
)

// encoder is an encoder and a buffer for small payloads.
type encoder[T any] struct {
	serde.Encoder[T]
	small [shmtransport.SmallPayload]byte
}

// decoder is a decoder and its target: one allocation instead of one for each sample.
type decoder[T any] struct {
	serde.Decoder[T]
	value T
}

// A freeList holds the encoders or decoders that are not in use. Each serves one call at a time, with no lock held: a codec
// may take long, and may use the endpoint that calls it.
type freeList[E any] struct {
	create func() *E
	first  *E // sufficient while calls are not concurrent
	inUse  atomic.Uint32
	others sync.Pool
}

func (l *freeList[E]) take() *E {
	if l.inUse.CompareAndSwap(0, 1) {
		return l.first
	}
	if e, ok := l.others.Get().(*E); ok {
		return e
	}
	return l.create()
}

// put returns e after a call. An encoder or decoder that was interrupted by a panic is not returned. If it is the first, only the others
// serve from then on.
func (l *freeList[E]) put(e *E) {
	if e == l.first {
		mem.Release32(&l.inUse, 0)
		return
	}
	l.others.Put(e)
}

func (l *freeList[E]) init(create func() *E) { l.create, l.first = create, create() }
