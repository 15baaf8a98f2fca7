package record

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// maxState is the number of bytes of the latched messages that a seek may restore.
const maxState = 256 << 20

// A stateKey identifies a latched message that a late subscription gets.
type stateKey struct {
	source *replaySource
	key    string // of a topic with keys
}

// restore publishes what the latched topics had at a time of the recording: the newest message of each publisher, or of each key.
func (pl *player) restore(ctx context.Context, to uint64) error {
	latched := func(c *mcapfile.Channel) bool {
		ch := pl.set.channels[c]
		return ch != nil && ch.stream.latched
	}
	state := make(map[stateKey]*playMessage)
	size := 0
	room := func(int) bool { return ctx.Err() == nil }
	for m, err := range pl.files.narrow(latched).from(0, room) {
		if err != nil {
			return err
		}
		if m.time >= to {
			break
		}
		if !latched(m.Channel) || pl.repeats.isRepeated(&m, true) {
			continue
		}
		k := stateKey{source: pl.source(&m)}
		if key := k.source.stream.key; key != nil {
			k.key = key(m.Data)
		}
		if old := state[k]; old != nil {
			size -= len(old.Data)
		}
		if size += len(m.Data); size > maxState {
			return fmt.Errorf("the latched topics have more than %d bytes at %v; leave out large ones", maxState, wallTime(to))
		}
		m.Data = bytes.Clone(m.Data) // a reference would keep the block in memory
		state[k] = &m
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	all := slices.SortedFunc(maps.Values(state), func(a, b *playMessage) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.file.index, b.file.index), cmp.Compare(a.Sequence, b.Sequence))
	})
	for _, m := range all {
		if _, err := pl.publish(ctx, m); err != nil {
			return fmt.Errorf("restore the latched state of %s: %w", quote(m.Channel.Topic), err)
		}
	}
	return nil
}

// seek prepares to go on at another time. Publishers with a latched sample of a later time are closed.
func (pl *player) seek(ctx context.Context, to uint64) error {
	pl.rewind()
	for _, st := range pl.set.streams {
		if !st.latched {
			continue
		}
		for _, p := range slices.Clone(st.publishers) {
			if p.lastUsed > 0 {
				st.remove(p)
			}
		}
	}
	return pl.restore(ctx, to)
}

// narrow are the files with the channels that want accepts, and perhaps others.
func (a *playFiles) narrow(want func(*mcapfile.Channel) bool) *playFiles {
	n := *a
	n.files = nil
	for _, f := range a.files {
		narrow := *f
		narrow.plan = f.plan.Narrow(want)
		n.files = append(n.files, &narrow)
	}
	return &n
}
