package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/nats-io/nats.go"
)

// A recorder is the figures of the subscriber.
type recorder struct {
	options options
	delays  []int64
	number  uint64 // of the last message
	before  uint64 // messages of the warm-up
	began   int64
	read    uint64 // sum of all bytes, so that they are read
	ended   int64
}

// subscribe is the process without the server.
func subscribe(ctx context.Context, o options) error {
	c, err := nats.Connect(o.server)
	if err != nil {
		return err
	}
	defer c.Close()
	t := &recorder{options: o, delays: make([]int64, 0, 1<<16)}
	done := make(chan error, 1)
	sub, err := c.Subscribe(data, func(m *nats.Msg) {
		end, err := t.take(c, m.Data)
		if err != nil || end {
			select {
			case done <- err:
			default:
			}
		}
	})
	if err != nil {
		return err
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	if err := c.Publish(ready, nil); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-done:
		if err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(t.result())
}

func (t *recorder) take(c *nats.Conn, b []byte) (end bool, err error) {
	stamp, flagged, err := head(b)
	if err != nil {
		return false, err
	}
	number := flagged &^ last
	if number != t.number+1 {
		return false, fmt.Errorf("message %d came after %d", number, t.number)
	}
	t.number = number
	for _, c := range b {
		t.read += uint64(c)
	}
	switch {
	case t.options.rate > 0 && number > warm:
		t.delays = append(t.delays, now()-stamp)
	case t.options.rate == 0:
		t.ended = now()
		if number == 1 {
			t.began = t.ended
		} else if t.before == 0 && t.ended-t.began > int64(t.options.duration/5) {
			t.before, t.began = number, t.ended
		}
	}
	if number%ackStep == 0 {
		err = c.Publish(acks, binary.LittleEndian.AppendUint64(nil, number))
	}
	return flagged&last != 0, err
}

func (t *recorder) result() map[string]float64 {
	if t.options.rate == 0 {
		perS := float64(t.number-t.before) * 1e9 / float64(max(1, t.ended-t.began))
		return map[string]float64{"count": float64(t.number - t.before), "msgs_per_s": perS, "bytes_per_s": perS * float64(t.options.size)}
	}
	slices.Sort(t.delays)
	at := func(share float64) float64 { return float64(t.delays[int(share*float64(len(t.delays)))]) }
	return map[string]float64{"count": float64(len(t.delays)), "p50_ns": at(0.5), "p90_ns": at(0.9), "p99_ns": at(0.99)}
}
