package record

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
)

// topicCounts counts the messages of a topic that did not reach the writer.
type topicCounts struct {
	taken, takenBytes                        atomic.Uint64 // given to the writer
	overwritten, tooLarge, noChannel, broken atomic.Uint64
	throttled                                atomic.Uint64

	topic          string
	kind, encoding string                     // of the last type; guarded by counts.mu
	channels       map[*mcapfile.Channel]bool // guarded by counts.mu
}

// addTaken counts a message that was given to the writer.
func (t *topicCounts) addTaken(m *mcapfile.Message) {
	t.taken.Add(1)
	t.takenBytes.Add(uint64(len(m.Data)))
}

// addUnwritten counts a sample that was not written because of err. It returns an err that ends the recording.
func (t *topicCounts) addUnwritten(err error) error {
	switch {
	case errors.Is(err, errNoChannel):
		t.noChannel.Add(1)
	case errors.As(err, new(*mcapfile.MessageSizeError)):
		t.tooLarge.Add(1)
	case errors.Is(err, errNotOfCall), errors.As(err, new(*errdefs.CorruptError)): // the publisher truncated its file before the payload was copied
		t.broken.Add(1)
	default:
		return err
	}
	return nil
}

// lost is the number of messages that were lost before or in the recorder, without those that the writer dropped.
func (t *topicCounts) lost() uint64 {
	return t.overwritten.Load() + t.tooLarge.Load() + t.noChannel.Load() + t.broken.Load()
}

// counts are the figures of a recording. They may be read concurrently with counting.
type counts struct {
	w      *mcapfile.Writer
	unseen atomic.Uint64 // losses that belong to no topic: after the last message of a publisher

	mu     sync.Mutex
	topics map[string]*topicCounts
}

func newCounts(w *mcapfile.Writer) *counts {
	return &counts{w: w, topics: make(map[string]*topicCounts)}
}

// of returns the counts of a topic.
func (c *counts) of(name string, kind *serde.Type, ch *channel) *topicCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.topics[name]
	if t == nil {
		t = &topicCounts{topic: name, channels: make(map[*mcapfile.Channel]bool)}
		c.topics[name] = t
	}
	t.kind, t.encoding = kind.Name, kind.Encoding
	c.add(t, ch)
	return t
}

func (c *counts) add(t *topicCounts, ch *channel) {
	if ch != nil {
		t.channels[ch.Channel] = true
	}
}

// addChannel adds the successor of a channel to its topic.
func (c *counts) addChannel(t *topicCounts, ch *channel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(t, ch)
}

// summaries returns what is known of each topic, sorted by name.
func (c *counts) summaries() []TopicSummary {
	written := c.w.Counts()
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]TopicSummary, 0, len(c.topics))
	for _, name := range slices.Sorted(maps.Keys(c.topics)) {
		t := c.topics[name]
		s := TopicSummary{
			Topic: name, Type: t.kind, Encoding: t.encoding, Lost: t.lost(),
			TooLarge: t.tooLarge.Load(), NoChannel: t.noChannel.Load(), Throttled: t.throttled.Load(),
		}
		for ch := range t.channels {
			if int(ch.ID) < len(written) {
				n := written[ch.ID]
				s.Messages += n.Written
				s.Bytes += n.Bytes
				s.Dropped += n.Dropped
			}
		}
		s.Lost += s.Dropped
		all = append(all, s)
	}
	return all
}

// overwritten returns the losses before messages of all topics.
func (c *counts) overwritten() (n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.topics {
		n += t.overwritten.Load()
	}
	return n
}

// received returns the messages that were taken from publishers and given to the writer.
func (c *counts) received() (messages, bytes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.topics {
		messages += t.taken.Load()
		bytes += t.takenBytes.Load()
	}
	return messages, bytes
}
