package workload

import (
	"context"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/topic"
)

func subscribeFanOut(ctx context.Context, w *harness.Worker[FanOut]) (any, error) {
	opts := topic.SubscriberOptions[[]byte]{Spin: spinTime(w.Request.Wait)}
	sub, err := topic.NewSubscriber(ctx, w.Participant, fanOutTopic, &opts)
	if err != nil {
		return nil, err
	}
	if err := w.Ready(); err != nil {
		return nil, err
	}
	if w.Request.Wait == WaitNone {
		return awaitEnd(ctx, w)
	}
	return w.Request.receiveAll(ctx, w.Page, sub)
}

// receiveAll reads every message, and writes into the page when it has read which.
func (f *FanOut) receiveAll(ctx context.Context, page *harness.Page, sub *topic.Subscriber[[]byte]) (got fanOutReceived, err error) {
	c, words, last := clock.New(), page.Receiver(f.Index), page.Last()
	var before measure.Usage
	var read uint64
	for {
		s, err := receive(ctx, sub, f.Wait)
		if err != nil {
			return fanOutReceived{}, err
		}
		read += sum(s.Bytes()) // 0: the payload is zeros
		delay, seq := c.Now()-int64(s.Stamp()), s.Sequence()
		got.Count++
		got.Lost += s.Lost()
		s.Release()
		if seq == f.Warm {
			got = fanOutReceived{}
			if before, err = measure.ReadUsage(); err != nil {
				return fanOutReceived{}, err
			}
			words.Warm.Store(1)
		}
		words.Delay.Store(uint64(max(delay, 0)))
		words.Done.Store(seq + read)
		if n := last.Load(); n != 0 && seq >= n {
			break
		}
	}
	after, err := measure.ReadUsage()
	got.Usage = after.Since(before)
	return got, err
}

// awaitEnd stays connected until the end.
func awaitEnd(ctx context.Context, w *harness.Worker[FanOut]) (fanOutReceived, error) {
	before, err := measure.ReadUsage()
	if err != nil {
		return fanOutReceived{}, err
	}
	w.Page.Receiver(w.Request.Index).Warm.Store(1)
	select {
	case <-w.Messages():
	case <-ctx.Done():
		return fanOutReceived{}, ctx.Err()
	}
	after, err := measure.ReadUsage()
	return fanOutReceived{Usage: after.Since(before)}, err
}
