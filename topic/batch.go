package topic

import (
	"context"

	"github.com/shmbus/shmbus/shmtransport"
)

// PublishBatch publishes each value as a sample of its own, in order. It returns the number of published samples, which is
// len(values) unless there is an error. For []byte values that are published unchanged, a batch costs less than single
// Publish calls: the clock is read once, so samples of a batch may have the same time, and sleeping subscribers are woken
// once. Other values are encoded and published one by one.
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

// ReceiveBatch waits for the next sample and also takes the samples that are available already, up to len(buf) in total. It
// returns the number of samples in buf: at least one, unless there is an error, which is as for Receive. The caller
// releases each sample. Order is kept per publisher. Samples beyond len(buf) are left for the next call.
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
	s.core.calls.flush()
	for i, m := range taken[:n] {
		buf[i] = Sample[T]{m}
	}
	clear(taken[:n]) // scratch must not keep a removed publisher's memory alive
	s.scratch.Store(scratch)
	return n, err
}
