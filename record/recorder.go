package record

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A recorder receives samples and writes them. It is for one goroutine, except its figures and its sources.
type recorder struct {
	w          *mcapfile.Writer
	figures    figures
	clock      clock.Clock
	wall       *clock.Wall
	offsets    *clock.Offsets // of the messages so far
	steps      int            // of the wall clock
	start, end int64          // stamps
	sources    *sources
	channels   channelTable
	ranges     ranges
	topics     map[string]*TopicSummary
}

func newRecorder(w *mcapfile.Writer, s *sources, c clock.Clock, wall *clock.Wall) *recorder {
	r := &recorder{
		w: w, clock: c, wall: wall, offsets: wall.Offsets(), start: c.Now(),
		sources: s, channels: newChannelTable(w), topics: make(map[string]*TopicSummary),
	}
	r.ranges = ranges{w: w, channels: &r.channels, budget: publisherBudget}
	return r
}

// run records until ctx ends, and then the samples that were published before.
func (r *recorder) run(ctx context.Context, sub *topic.Subscriber[[]byte]) error {
	defer func() { r.end = r.clock.Now() }()
	for {
		s, err := sub.Receive(ctx)
		if err != nil {
			if ctx.Err() == nil {
				return err
			}
			return r.drain(sub)
		}
		if err := r.take(s); err != nil {
			return err
		}
	}
}

// maxNewerSamples is the number of consecutive samples newer than the stop after which no older one is expected. Publishers
// are read in turn, but each may have a batch ready.
const maxNewerSamples = 4096

func (r *recorder) drain(sub *topic.Subscriber[[]byte]) error {
	stop := r.clock.Now()
	for newer := 0; newer < maxNewerSamples; {
		s, ok, err := sub.TryReceive()
		if !ok {
			return err
		}
		if int64(s.Stamp()) > stop {
			s.Release()
			newer++
			continue
		}
		newer = 0
		if err := r.take(s); err != nil {
			return err
		}
	}
	return nil
}

// take writes one sample and releases it.
func (r *recorder) take(s topic.Sample[[]byte]) error {
	defer s.Release()
	a := sampleInfo{publisher: s.Publisher(), sequence: s.Sequence(), stamp: int64(s.Stamp()), lost: s.Lost()}
	src, m, err := r.begin(&a, func() description { return descriptionOf(&s) })
	if err != nil {
		return err
	}
	if src.channel != nil {
		err = s.Read(func(data []byte) error {
			m.Data = data
			return r.w.Write(&m)
		})
	}
	return r.finish(src, &m, a.lost, err)
}

// A sampleInfo is a sample without its payload.
type sampleInfo struct {
	publisher topic.PublisherID
	sequence  uint64
	stamp     int64
	lost      uint64 // before it
}

// begin returns the message for a sample, without its payload. For a source without a channel nothing can be written.
func (r *recorder) begin(a *sampleInfo, describe func() description) (*source, mcapfile.Message, error) {
	now := r.clock.Now()
	r.applyClockSteps()
	m := mcapfile.Message{LogTime: r.time(now), PublishTime: r.time(a.stamp)}
	src, err := r.sourceOf(a.publisher, describe)
	if err == nil && src.channel != nil {
		m.Sequence, err = r.ranges.number(src, a.sequence, a.lost)
	}
	if err == nil && src.channel != nil {
		m.Channel = src.channel.Channel
	}
	return src, m, err
}

// sourceOf returns the source of a sample, creating it for a new publisher.
func (r *recorder) sourceOf(id topic.PublisherID, describe func() description) (*source, error) {
	if src := r.sources.find(id); src != nil {
		return src, nil
	}
	d := describe()
	ch, err := r.channels.of(&d)
	if err != nil {
		return nil, err
	}
	src := &source{
		id: id, channel: ch, summary: r.summaryOf(d.topic, &d.kind), unit: d.unit, executable: d.executable, pid: d.pid,
	}
	r.sources.add(src)
	return src, nil
}

func (r *recorder) summaryOf(name string, kind *serde.Type) *TopicSummary {
	t := r.topics[name]
	if t == nil {
		t = &TopicSummary{Topic: name}
		r.topics[name] = t
		r.figures.topics.Add(1)
	}
	t.Type, t.Encoding = kind.Name, kind.Encoding
	return t
}

// finish counts a sample that was written, or that was not written because of err.
func (r *recorder) finish(src *source, m *mcapfile.Message, lost uint64, err error) error {
	switch {
	case src.channel == nil:
		lost++
		src.summary.NoChannel++
	case err == nil:
		src.logged = max(src.logged, m.LogTime)
		src.summary.Messages++
		src.summary.Bytes += uint64(len(m.Data))
		r.figures.messages.Add(1)
		r.figures.bytes.Add(uint64(len(m.Data)))
	case errors.As(err, new(*mcapfile.MessageSizeError)):
		lost++
		src.summary.TooLarge++
	case errors.As(err, new(*errdefs.CorruptError)):
		lost++ // the publisher truncated its file before the payload was copied
	default:
		return err
	}
	src.summary.Lost += lost
	r.figures.lost.Add(lost)
	r.recordEnded()
	return nil
}

// recordEnded writes to the file which publishers are gone. Every received sample must have been recorded.
func (r *recorder) recordEnded() {
	for _, src := range r.sources.takeGone() {
		r.ranges.end(src, max(src.logged, r.time(src.ended)))
	}
}

func (r *recorder) time(stamp int64) uint64 { return uint64(max(r.offsets.Wall(stamp), 0)) }

// addUnseenLoss takes the loss count of the subscription, which includes losses after the last sample of a publisher.
func (r *recorder) addUnseenLoss(lost uint64) {
	if seen := r.figures.lost.Load(); lost > seen {
		r.figures.lost.Store(lost)
	}
}

// close writes the counters and closes the file.
func (r *recorder) close() error {
	r.recordEnded()
	r.applyClockSteps()
	topics := make(map[string]topicStats, len(r.topics))
	for name, t := range r.topics {
		topics[name] = topicStats{Messages: t.Messages, Lost: t.Lost}
	}
	js, err := json.Marshal(topics)
	if err != nil {
		return errors.Join(err, r.w.Close())
	}
	r.w.AddMetadata(statsName, map[string]string{
		statsMessages: strconv.FormatUint(r.figures.messages.Load(), 10),
		statsLost:     strconv.FormatUint(r.figures.lost.Load(), 10),
		statsTopics:   string(js),
	})
	return r.w.Close()
}

func (r *recorder) summarise(s *Summary) {
	s.Messages, s.Bytes, s.Lost = r.figures.messages.Load(), r.figures.bytes.Load(), r.figures.lost.Load()
	s.Duration = time.Duration(r.end - r.start)
	s.FileSize = r.w.Size()
	for _, name := range slices.Sorted(maps.Keys(r.topics)) {
		s.Topics = append(s.Topics, *r.topics[name])
		s.NoChannel += r.topics[name].NoChannel
		s.TooLarge += r.topics[name].TooLarge
	}
}
