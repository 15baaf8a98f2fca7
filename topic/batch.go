package topic

import (
	"context"

	"github.com/shmbus/shmbus/shmtransport"
)

// PublishBatch publishes each value as a sample of its own, in their order, and returns how many it published: all of them,
// unless there is an error. For values of []byte that are published as they are it costs less than as many calls of Publish:
// the clock is read once, so samples of a batch may have the same time, and subscribers that sleep are woken once. Other
// values are encoded and published one after the other.
func (p *Publisher[T]) PublishBatch(ctx context.Context, values []T) (int, error) {
	if p.directBatch != nil {
		return p.directBatch(ctx, values)
	}
	for n, v := range values {
		if _, err := p.Publish(ctx, v); err != nil {
			return n, err
		}
	}
	return len(values), nil
}

// ReceiveBatch waits for the next sample and takes with it those that are there already, up to len(buf). It returns how many
// there are, at least one unless there is an error, which is as of Receive. The caller releases each of them. Order is kept
// per publisher; what is left is for the next call.
func (s *Subscriber[T]) ReceiveBatch(ctx context.Context, buf []Sample[T]) (int, error) {
	scratch := s.scratch.Swap(nil)
	if scratch == nil {
		scratch = new([]shmtransport.Sample)
	}
	if cap(*scratch) < len(buf) {
		*scratch = make([]shmtransport.Sample, len(buf))
	}
	taken := (*scratch)[:len(buf)]
	n, err := s.core.reader.ReceiveBatch(ctx, taken)
	for i, m := range taken[:n] {
		buf[i] = Sample[T]{m}
	}
	clear(taken[:n]) // memory of a publisher that is gone is not kept by what it was taken with
	s.scratch.Store(scratch)
	return n, err
}
