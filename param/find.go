package param

import (
	"context"
	"iter"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// Find yields the parameters of all participants, in no order, with the present states of their processes. One that changes meanwhile may
// come twice, the newer value last. p may be read-only; otherwise Find waits a second for a participant that does not answer, because its
// process is stopped for example. The last yield may have an error.
func Find(ctx context.Context, p *topic.Participant) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		f := finder{yield, map[registry.ID]registry.ProcessState{}}
		if !f.find(ctx, p) {
			return
		}
		observer, err := p.JoinReadOnly()
		if err != nil {
			yield(Info{}, err)
			return
		}
		defer observer.Close()
		f.find(ctx, observer)
	}
}

// A finder yields parameters to a loop.
type finder struct {
	yield  func(Info, error) bool
	states map[registry.ID]registry.ProcessState // of owners
}

// find yields the parameters that p can read. It reports whether the loop goes on and there are others.
func (f *finder) find(ctx context.Context, p *topic.Participant) (more bool) {
	sub, err := topic.NewSubscriber(ctx, p, Prefix+"*", &topic.SubscriberOptions[announcement]{Codec: announcementCodec()})
	if err != nil {
		f.yield(Info{}, err)
		return false
	}
	defer sub.Close()
	more = sub.WaitsForPublisher()
	// Owners that set parameters all the time do not make this endless.
	for range 2 * (MaxParameters + 1) * sub.Publishers() {
		s, ok, err := sub.TryReceive()
		if err != nil {
			f.yield(Info{}, err)
			return false
		}
		if !ok {
			break
		}
		i, ok := announced(s)
		s.Release()
		if !ok || i.Name == "" {
			continue
		}
		state, known := f.states[i.Owner.ID]
		if !known {
			state = registry.StateOf(i.Owner)
			f.states[i.Owner.ID] = state
		}
		i.Owner.State = state
		if !f.yield(i, nil) {
			return false
		}
	}
	return more
}
