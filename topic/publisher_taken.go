package topic

import "context"

// WaitTaken waits until every connected subscription has received, or lost, what was published before the call. A subscription
// that is gone meanwhile is not waited for. Subscribers of read-only participants are not known to the publisher, and so not
// waited for either. A sample that was received may still be in use.
func (p *Publisher[T]) WaitTaken(ctx context.Context) error { return p.core.writer.AwaitTaken(ctx) }

// PublishAt publishes a sample that is already encoded, with a given stamp, which may be of the past: a recorded sample can keep
// its time. Age limits, deadlines and latencies of subscriptions count from that stamp. It waits for lossless subscriptions as
// Publish does.
func (p *Publisher[T]) PublishAt(ctx context.Context, payload []byte, stamp Stamp) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	key := ""
	if p.key != nil {
		var err error
		if key, err = p.payloadKey(payload); err != nil {
			return 0, err
		}
	}
	return p.core.writer.PublishAt(ctx, key, payload, int64(stamp))
}
