package record

import (
	"hash/maphash"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

// A recorder turns samples into messages and gives them to a Writer. It is for one goroutine at a time, except its counts and its
// sources.
type recorder struct {
	w         *mcapfile.Writer
	opts      *RecordOptions
	counts    *counts
	clock     clock.Clock
	wall      *clock.Wall
	offsets   *clock.Offsets // of the messages so far
	steps     int            // of the wall clock
	start     int64          // stamp
	sources   *sources
	last      *source // of the sample before
	channels  channelTable
	ranges    ranges
	pause     pause
	originals recordedOriginals
	ignored   uint64 // lost samples that are not to be recorded as messages
	scratch   []byte // for the redaction
}

func newRecorder(w *mcapfile.Writer, o *RecordOptions, s *sources, c clock.Clock, wall *clock.Wall) *recorder {
	r := &recorder{
		w: w, opts: o, counts: newCounts(w), clock: c, wall: wall, offsets: wall.Offsets(), start: c.Now(), sources: s, channels: newChannelTable(w),
	}
	r.ranges = ranges{w: w, channels: &r.channels}
	return r
}

// take writes one sample and releases it. It returns the source, nil in a pause.
func (r *recorder) take(s topic.Sample[[]byte]) (*source, error) {
	defer s.Release()
	a := sampleInfo{publisher: s.Publisher(), sequence: s.Sequence(), stamp: int64(s.Stamp()), lost: s.Lost()}
	src, err := r.sourceOf(a.publisher, func() description { return descriptionOf(&s) })
	if err != nil {
		return nil, err
	}
	r.countLost(src, &a) // now: writing waits while the cache is full
	if src.unwanted {
		r.recordEnded()
		if r.pause.is.Load() {
			return nil, nil
		}
		return src, nil
	}
	if r.pause.is.Load() {
		err := r.pause.keep(src, &s)
		r.recordEnded()
		return nil, err
	}
	if src.call != nil {
		return src, r.takeCall(src, &s, &a)
	}
	if src.throttle != nil {
		takes, err := src.throttle.takes(&s)
		if !takes {
			return src, r.leaveOut(src, a.lost, err)
		}
	}
	m, err := r.message(src, &a)
	if err == nil && src.channel != nil {
		err = s.Read(func(data []byte) error {
			m.Data = data
			return r.write(src, &m)
		})
	}
	return src, r.finish(src, &m, err)
}

// leave releases a sample that is not recorded. What was lost before it counts all the same.
func (r *recorder) leave(s topic.Sample[[]byte]) error {
	defer s.Release()
	a := sampleInfo{publisher: s.Publisher(), stamp: int64(s.Stamp()), lost: s.Lost()}
	if a.lost == 0 {
		return nil
	}
	src, err := r.sourceOf(a.publisher, func() description { return descriptionOf(&s) })
	if err == nil {
		r.countLost(src, &a)
	}
	return err
}

// countLost counts what was lost before a sample. If the sample was published before a pause, so was that.
func (r *recorder) countLost(src *source, a *sampleInfo) {
	switch {
	case a.lost == 0:
	case src.unwanted:
		r.ignored += a.lost
	case r.pause.is.Load() && a.stamp >= r.pause.since:
		r.pause.lost += a.lost
	default:
		src.counts.overwritten.Add(a.lost)
	}
}

// A sampleInfo is a sample without its payload.
type sampleInfo struct {
	publisher topic.PublisherID
	sequence  uint64
	stamp     int64
	lost      uint64 // before it
}

// leaveOut counts a sample that a throttle leaves out, or whose payload could not be read.
func (r *recorder) leaveOut(src *source, lost uint64, err error) error {
	if err != nil {
		return r.finish(src, &mcapfile.Message{}, err)
	}
	src.counts.throttled.Add(1)
	src.throttle.left++
	src.throttle.lost += lost
	r.recordEnded()
	return nil
}

// message returns the message for a sample, without its payload. For a source without a channel nothing can be written.
func (r *recorder) message(src *source, a *sampleInfo) (mcapfile.Message, error) {
	r.applyClockSteps()
	m := mcapfile.Message{LogTime: r.time(r.logStamp(src, a.stamp)), PublishTime: r.time(a.stamp)}
	own, lost := a.sequence, a.lost
	if t := src.throttle; t != nil {
		own -= t.left
		lost += t.lost
		t.lost = 0
	}
	var err error
	if before := src.channel; before != nil {
		m.Sequence, err = r.ranges.number(src, own, lost)
		if src.channel != before {
			r.counts.addChannel(src.counts, src.channel)
		}
	}
	if err == nil && src.channel != nil {
		m.Channel = src.channel.Channel
		r.putOriginal(src, a.sequence)
	}
	return m, err
}

// maxAge is the age of a sample at which its stamp no longer decides its place in a recording: it was kept for late subscribers, is that of
// a replay, or a publisher lies.
const maxAge = 10 * time.Second

// logStamp returns the log time of a sample as a stamp. It is the time of publishing: a recorder takes samples from its publishers in turn,
// so that the time of taking would lose their order.
func (r *recorder) logStamp(src *source, stamp int64) int64 {
	now := r.clock.Now()
	earliest := max(r.start, now-int64(maxAge))
	if n := len(*r.offsets); n > 1 {
		earliest = max(earliest, (*r.offsets)[n-1].Since) // no chunk has messages from before and after a step
	}
	switch {
	case src.latched && src.logStamp == 0 && stamp < r.start && now-r.start < int64(maxAge):
		stamp = r.start // from before the recording; what the publisher published since then comes after it
	case stamp < earliest || stamp > now:
		stamp = now
	}
	src.logStamp = max(src.logStamp, stamp)
	return src.logStamp
}

// isFromBefore reports whether a sample with the stamp was published before the recording and kept for later subscribers.
func (r *recorder) isFromBefore(src *source, stamp int64) bool { return src.latched && stamp < r.start }

// write gives a message to the writer, after the redaction.
func (r *recorder) write(src *source, m *mcapfile.Message) error {
	var x mcapfile.Extra
	if r.opts.Redact != nil || src.key != nil {
		r.scratch = append(r.scratch[:0], m.Data...)
		m.Data = r.scratch
	}
	if src.latched {
		x.Latched, x.Key = src, src.keyOf(m.Data)
	}
	if r.opts.Redact != nil {
		m.Data = r.opts.Redact(m.Channel.Topic, typeOf(m.Channel), r.scratch)
	}
	if n := src.numbers.numberRange; n != nil {
		x.Range = n
	}
	err := r.w.WriteWith(m, &x)
	if int64(cap(r.scratch)) > r.opts.Cache {
		r.scratch = nil
	}
	return err
}

// sourceOf returns the source of a sample, creating it for a new publisher.
func (r *recorder) sourceOf(id topic.PublisherID, describe func() description) (*source, error) {
	if r.last != nil && r.last.id == id {
		return r.last, nil
	}
	if src := r.sources.find(id); src != nil {
		r.last = src
		return src, nil
	}
	d := describe()
	src := &source{id: id, name: id.String(), latched: d.latched, unit: d.unit, executable: d.executable, pid: d.pid}
	calls := callDescriptions(&d)
	var err error
	src.unwanted = !r.opts.records(d.topic, d.kind.Name, calls)
	src.trigger = r.opts.triggerOn(d.topic)
	switch {
	case src.unwanted:
	case calls != nil:
		err = r.openCalls(src, &d, calls)
	default:
		if t := r.opts.throttleFor(d.topic); t != nil {
			src.throttle = &throttleState{Throttle: t, seed: maphash.MakeSeed()}
			d.throttled = t.String()
		}
		err = r.openChannel(src, &d)
	}
	if err != nil {
		return nil, err
	}
	r.sources.add(src)
	r.last = src
	return src, nil
}

// openChannel gives a source its channel.
func (r *recorder) openChannel(src *source, d *description) (err error) {
	if src.channel, err = r.channels.of(d); err != nil {
		return err
	}
	src.counts = r.counts.of(d.topic, &d.kind, src.channel)
	if src.latched && r.opts.Key != nil {
		src.key = r.opts.Key(d.topic, d.kind)
	}
	return nil
}

// finish counts a sample that was written, or that was not written because of err.
func (r *recorder) finish(src *source, m *mcapfile.Message, err error) error {
	c := src.counts
	switch {
	case src.channel == nil:
		c.noChannel.Add(1)
	case err == nil:
		src.logged = max(src.logged, m.LogTime)
		c.addTaken(m)
	default:
		if err := c.addUnwritten(err); err != nil {
			return err
		}
	}
	r.recordEnded()
	return nil
}

// recordEnded writes to the file which publishers are gone. Every received sample must have been recorded.
func (r *recorder) recordEnded() {
	for _, src := range r.sources.takeGone() {
		r.last = nil
		r.pause.forget(src)
		r.endOriginals(src)
		if !src.unwanted {
			r.ranges.end(src, max(src.logged, r.time(src.ended)))
		}
	}
}

func (r *recorder) time(stamp int64) uint64 { return uint64(max(r.offsets.Wall(stamp), 0)) }
