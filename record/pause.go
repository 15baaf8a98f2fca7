package record

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/topic"
)

// maxPausedBytes bounds the memory for the latched samples of a pause.
const maxPausedBytes = 16 << 20

// A pause is the time in which nothing is recorded. The recorder receives all the same, so that no publisher waits and what comes after is
// complete. It keeps the newest sample of each latched publisher, which holds also after the pause.
type pause struct {
	is    atomic.Bool // also read by others
	since int64       // stamp
	kept  map[latchedSource]*pausedSample
	bytes int
	lost  uint64 // samples that were lost in a pause; they would not have been recorded
	taken uint64 // samples that were received in pauses
}

// A latchedSource is what a latched sample is the newest of.
type latchedSource struct {
	*source
	key string // "" without keys
}

// A pausedSample is a copy of a sample.
type pausedSample struct {
	sampleInfo
	payload []byte
}

// keep copies a latched sample. The copy of a sample beyond the limit is left out.
func (p *pause) keep(src *source, s *topic.Sample[[]byte]) error {
	p.taken++
	if src.throttle != nil {
		src.throttle.begun = false
	}
	if !src.latched {
		return nil
	}
	payload, err := s.AppendTo(nil)
	if errors.As(err, new(*errdefs.CorruptError)) {
		return nil // the publisher truncated its file; the sample would not have been recorded
	}
	if err != nil {
		return err
	}
	of := latchedSource{src, src.keyOf(payload)}
	p.forgetOne(of)
	if p.bytes += cap(payload); p.bytes > maxPausedBytes {
		p.bytes -= cap(payload)
		return nil
	}
	if p.kept == nil {
		p.kept = make(map[latchedSource]*pausedSample)
	}
	p.kept[of] = &pausedSample{sampleInfo{publisher: s.Publisher(), sequence: s.Sequence(), stamp: int64(s.Stamp())}, payload}
	return nil
}

func (p *pause) forgetOne(of latchedSource) {
	if k := p.kept[of]; k != nil {
		p.bytes -= cap(k.payload)
		delete(p.kept, of)
	}
}

func (p *pause) forget(src *source) {
	p.forgetOne(latchedSource{src, ""})
	for key := range src.keys {
		p.forgetOne(latchedSource{src, key})
	}
}

// resume ends a pause and records the latched samples that it kept.
func (r *recorder) resume() error {
	if !r.pause.is.Load() {
		return nil
	}
	r.pause.is.Store(false)
	kept := r.pause.kept
	r.pause.kept, r.pause.bytes = nil, 0
	order := slices.SortedFunc(maps.Keys(kept), func(a, b latchedSource) int { return cmp.Compare(kept[a].sequence, kept[b].sequence) })
	for _, of := range order {
		src, k := of.source, kept[of]
		m, err := r.message(src, &k.sampleInfo)
		if err == nil && src.channel != nil {
			m.LogTime = r.time(r.clock.Now())
			src.logStamp = max(src.logStamp, r.clock.Now())
			m.Data = k.payload
			err = r.write(src, &m)
		}
		if err := r.finish(src, &m, err); err != nil {
			return err
		}
	}
	return nil
}
