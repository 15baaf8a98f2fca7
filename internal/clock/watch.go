package clock

import (
	"context"
	"time"
)

// lookInterval is how often Watch looks where the kernel does not tell.
const lookInterval = time.Second

// Watch looks whenever the kernel says that the wall clock was set or the machine was resumed, until ctx ends. Where the
// kernel cannot be asked for that, it looks once a second.
func (w *Wall) Watch(ctx context.Context) {
	n, err := newNotifier()
	if err != nil {
		w.poll(ctx)
		return
	}
	defer n.close()
	defer context.AfterFunc(ctx, n.close)()
	w.Look() // it may have been set before there was a notifier
	for {
		err := n.wait()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			w.poll(ctx)
			return
		}
		w.Look()
	}
}

func (w *Wall) poll(ctx context.Context) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.Look()
		case <-ctx.Done():
			return
		}
	}
}
