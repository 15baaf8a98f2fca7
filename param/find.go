package param

import (
	"context"
	"iter"

	"github.com/shmbus/shmbus/topic"
)

// Find yields the parameters of all participants, in no order. One that changes meanwhile may come twice, the newer value last. p may be
// read-only. The last yield may have an error.
func Find(ctx context.Context, p *topic.Participant) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		sub, err := topic.NewSubscriber(ctx, p, Prefix+"*", &topic.SubscriberOptions[announcement]{Codec: announcementCodec()})
		if err != nil {
			yield(Info{}, err)
			return
		}
		defer sub.Close()
		// Owners that set parameters all the time do not make this endless.
		for range 2 * MaxParameters * sub.Publishers() {
			s, ok, err := sub.TryReceive()
			if err != nil {
				yield(Info{}, err)
			}
			if err != nil || !ok {
				return
			}
			i, ok := announced(s)
			s.Release()
			if ok && !yield(i, nil) {
				return
			}
		}
	}
}
