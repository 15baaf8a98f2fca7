package topic

import (
	"context"
	"math"

	"github.com/shmbus/shmbus/serde"
)

// defaultMaxKeys is the default of MaxKeys. Each is 8 bytes of shared memory.
const defaultMaxKeys = 1024

// keys returns the option of the transport.
func (o *PublisherOptions[T]) keys() int {
	switch {
	case o.Key == nil:
		return 0
	case o.MaxKeys == 0:
		return defaultMaxKeys
	}
	return o.MaxKeys
}

// useKey makes every sample one of a key.
func (p *Publisher[T]) useKey(codec serde.Codec[T], key func(T) string) {
	p.key = key
	p.decoders.init(func() *decoder[T] { return &decoder[T]{Decoder: codec.Decoder()} })
	p.payloadKey = p.keyOfPayload
	p.directBatch = nil // each sample has a key of its own
	if of, ok := any(key).(func([]byte) string); ok && p.direct != nil {
		w := p.core.writer
		publish := func(ctx context.Context, b []byte) (int, error) { return w.PublishKey(ctx, of(b), b) }
		p.direct, _ = any(publish).(func(context.Context, T) (int, error))
	}
}

func (p *Publisher[T]) keyOf(v T) string {
	if p.key == nil {
		return ""
	}
	return p.key(v)
}

// keyOfPayload decodes a payload for its key.
func (p *Publisher[T]) keyOfPayload(payload []byte) (string, error) {
	d := p.decoders.take()
	if err := d.Decode(payload, &d.value); err != nil {
		p.decoders.put(d)
		return "", err
	}
	var zero T
	v := d.value
	d.value = zero
	p.decoders.put(d)
	return p.key(v), nil
}

// publishVKey is PublishV with a key.
func (p *Publisher[T]) publishVKey(ctx context.Context, parts [][]byte) (int, error) {
	n := 0
	for _, part := range parts {
		n += min(len(part), math.MaxInt-n) // Loan returns the error
	}
	loan, err := p.Loan(ctx, n)
	if err != nil {
		return 0, err
	}
	defer loan.Discard() // a part may be memory that faults
	off := int64(0)
	for _, part := range parts {
		if _, err := loan.WriteAt(part, off); err != nil {
			return 0, err
		}
		off += int64(len(part))
	}
	return loan.Commit(ctx, n)
}

// commitKey is Commit with a key. A payload that cannot be decoded has none, and is not published.
func (l Loan) commitKey(ctx context.Context, n int) (int, error) {
	if n < 0 || n > len(l.l.Bytes()) || !l.l.Active() {
		return l.l.Commit(ctx, n) // which returns the error
	}
	defer l.l.Discard() // after Commit without effect
	key, err := l.key(l.l.Bytes()[:n])
	if err != nil {
		return 0, err
	}
	return l.l.CommitKey(ctx, key, n)
}

// Dispose forgets a key: a later subscription no longer gets its newest sample from before, and the key no longer counts against
// MaxKeys. Subscriptions are not told; publish a last sample that says so first. A later sample begins the key anew. Dispose reports
// whether the key had a sample. It may be called concurrently with every method.
func (p *Publisher[T]) Dispose(key string) bool { return p.core.writer.Dispose(key) }
