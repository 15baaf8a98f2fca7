package clock

import (
	"context"
	"time"
)

// scanInterval is how often Watch polls where the kernel does not tell.
const scanInterval = time.Second

// Watch calls Refresh whenever the kernel says that the wall clock was set or the machine was resumed, until ctx ends. Where the
// kernel cannot be asked for that, it does so once a second.
func (w *Wall) Watch(ctx context.Context) {
	n, err := newNotifier()
	if err != nil {
		w.poll(ctx)
		return
	}
	defer n.close()
	defer context.AfterFunc(ctx, n.close)()
	w.Refresh() // it may have been set before there was a notifier
	for {
		err := n.wait()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			w.poll(ctx)
			return
		}
		w.Refresh()
	}
}

func (w *Wall) poll(ctx context.Context) {
	tick := time.NewTicker(scanInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.Refresh()
		case <-ctx.Done():
			return
		}
	}
}
