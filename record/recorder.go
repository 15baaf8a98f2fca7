package record

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// A recorder takes samples and writes them. It is for one goroutine, except its figures.
type recorder struct {
	w          *mcapfile.Writer
	publishers *publishers
	figures    figures
	clock      clock.Clock
	wall       int64 // to be added to a stamp, for the whole recording
	start, end int64 // stamps
	streams    map[streamKey]*stream
	topics     map[string]*TopicSummary
}

type streamKey struct {
	topic     string
	publisher topic.PublisherID
}

// A stream is what one publisher publishes on one topic, with the type it has now.
type stream struct {
	channel *mcapfile.Channel
	kind    serde.Type // its schema is the one the samples share, so that comparing costs nothing
	summary *TopicSummary
}

func newRecorder(w *mcapfile.Writer, p *publishers) *recorder {
	r := &recorder{
		w: w, publishers: p, clock: clock.New(),
		streams: make(map[streamKey]*stream), topics: make(map[string]*TopicSummary),
	}
	r.start = r.clock.Now()
	r.wall = time.Now().UnixNano() - r.clock.Now()
	return r
}

// run records until ctx ends, and then what was published before that.
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

// stragglers is how many samples in a row must be newer than the stop before nothing older is expected: publishers are
// served in turn, but each may have a batch ready.
const stragglers = 4096

func (r *recorder) drain(sub *topic.Subscriber[[]byte]) error {
	stop := r.clock.Now()
	for newer := 0; newer < stragglers; {
		s, ok := sub.TryReceive()
		if !ok {
			return nil
		}
		if s.Stamp() > stop {
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
	now := r.clock.Now()
	st, err := r.streamOf(&s)
	if err != nil {
		return err
	}
	m := mcapfile.Message{
		Channel: st.channel, Sequence: uint32(s.Sequence()), LogTime: r.time(now), PublishTime: r.time(s.Stamp()),
	}
	lost := s.Lost()
	err = s.Read(func(data []byte) error {
		m.Data = data
		return r.w.Write(&m)
	})
	switch {
	case errors.As(err, new(*shmtransport.CorruptError)):
		lost++ // its publisher took the memory away before it was copied
	case err != nil:
		return err
	default:
		st.summary.Messages++
		st.summary.Bytes += uint64(len(m.Data))
		r.figures.messages.Add(1)
		r.figures.bytes.Add(uint64(len(m.Data)))
	}
	st.summary.Lost += lost
	r.figures.lost.Add(lost)
	return nil
}

func (r *recorder) time(stamp int64) uint64 { return uint64(max(stamp+r.wall, 0)) }

func (r *recorder) streamOf(s *topic.Sample[[]byte]) (*stream, error) {
	key := streamKey{s.Topic(), s.Publisher()}
	kind := s.Type()
	st := r.streams[key]
	if st != nil && sameType(st.kind, kind) {
		return st, nil
	}
	key.topic = strings.Clone(key.topic)
	metadata := r.publishers.describe(key.publisher, s.Unit())
	metadata[keyEncoding] = kind.Encoding
	addAnnounced(metadata, s.Metadata())
	ch, err := r.w.AddChannel(channelOf(key.topic, kind, metadata))
	if err != nil {
		return nil, err
	}
	t := r.topics[key.topic]
	if t == nil {
		t = &TopicSummary{Topic: key.topic}
		r.topics[key.topic] = t
		r.figures.topics.Add(1)
	}
	t.Type, t.Encoding = kind.Name, kind.Encoding
	st = &stream{channel: ch, kind: kind, summary: t}
	r.streams[key] = st
	return st, nil
}

// lostUnseen takes over the subscription's count, which knows of losses that no further sample told of.
func (r *recorder) lostUnseen(lost uint64) {
	if seen := r.figures.lost.Load(); lost > seen {
		r.figures.lost.Store(lost)
	}
}

// finish writes the figures and closes the file.
func (r *recorder) finish() error {
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
	}
}
