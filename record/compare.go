package record

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// A Difference says how two recordings differ.
type Difference struct {
	Equal    bool              `json:"equal"`
	Messages uint64            `json:"messages"`        // in the first recording
	First    string            `json:"first,omitempty"` // the first difference in words, "" when there is none
	Topics   []TopicDifference `json:"topics"`          // sorted by name
	Spacing  Spacing           `json:"spacing"`         // over all topics
	// Inversions counts neighbours of the first recording, different in log time, that are the other way round in the
	// second by its publish times and its log times both.
	Inversions uint64 `json:"inversions"`
}

// A TopicDifference is the part of a Difference that concerns one topic.
type TopicDifference struct {
	Topic string `json:"topic"`
	A     uint64 `json:"a"` // messages in the first recording
	B     uint64 `json:"b"` // messages in the second
	Equal bool   `json:"equal"`
	// How the time between consecutive messages, by log time, differs between the two recordings.
	SpacingP50 time.Duration `json:"spacing_p50_ns"`
	SpacingP99 time.Duration `json:"spacing_p99_ns"`
	SpacingMax time.Duration `json:"spacing_max_ns"`
}

// Compare reads two recordings and tells whether they hold the same messages: the same topics, of the same types, with the
// same bytes in the same order from each publisher, and in the same order overall where log times differ. Times themselves
// are not compared, only reported. It keeps about 60 bytes in memory per message. A file that is damaged or was not closed
// is compared as far as it can be read, and is not equal to anything.
func Compare(a, b string) (Difference, error) {
	left, err := digest(a)
	if err != nil {
		return Difference{}, fmt.Errorf("compare: %w", err)
	}
	right, err := digest(b)
	if err != nil {
		return Difference{}, fmt.Errorf("compare: %w", err)
	}
	c := comparison{all: newSpacing(), diff: Difference{Messages: left.messages}}
	if left.damage != nil {
		c.differ("%s: %v", a, left.damage)
	}
	if right.damage != nil {
		c.differ("%s: %v", b, right.damage)
	}
	topics := maps.Clone(left.topics)
	maps.Copy(topics, right.topics)
	pairs := make(map[*track]*track)
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		c.topic(topic, left.topics[topic], right.topics[topic], pairs)
	}
	if c.diff.First == "" {
		c.order(left, pairs)
	}
	c.diff.Equal = c.diff.First == ""
	c.diff.Spacing = c.all.result()
	return c.diff, nil
}

// A contents is what is compared of a file.
type contents struct {
	topics   map[string][]*track
	order    []place // by log time
	messages uint64
	damage   error
}

// A trackKey is what the messages of a track have in common.
type trackKey struct {
	channel   *mcapfile.Channel
	publisher *recordedPublisher
}

// A track is the messages of one publisher, by log time.
type track struct {
	channel *mcapfile.Channel
	prints  []print
	whole   [sha256.Size]byte // of all prints
}

// A print stands for a message.
type print struct {
	sum      [16]byte // of the payload
	size     uint32
	sequence uint32
	log      uint64
	publish  uint64
}

type place struct {
	track *track
	index uint32
}

func (p place) print() *print { return &p.track.prints[p.index] }

func digest(path string) (*contents, error) {
	f, size, err := openRecording(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plan, err := mcapfile.NewPlan(f, size, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c := &contents{topics: make(map[string][]*track), messages: plan.Messages}
	if plan.Damage != nil {
		c.damage = plan.Damage
	}
	from := newAttribution()
	var wrong *mcapfile.Damage
	from.addNew(0, plan.Stats.Metadata, &wrong)
	if wrong != nil && c.damage == nil {
		c.damage = wrong
	}
	tracks := make(map[trackKey]*track)
	for m, err := range plan.InOrder() {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		publisher, _ := from.publisher(&m)
		key := trackKey{m.Channel, publisher}
		t := tracks[key]
		if t == nil {
			t = &track{channel: m.Channel}
			tracks[key] = t
			c.topics[m.Channel.Topic] = append(c.topics[m.Channel.Topic], t)
		}
		if uint64(len(t.prints)) == math.MaxUint32 {
			return nil, fmt.Errorf("%s: more than %d messages in one channel cannot be compared", path, uint32(math.MaxUint32))
		}
		c.order = append(c.order, place{t, uint32(len(t.prints))})
		sum := sha256.Sum256(m.Data)
		t.prints = append(t.prints, print{
			sum: [16]byte(sum[:]), size: uint32(len(m.Data)), sequence: m.Sequence, log: m.LogTime, publish: m.PublishTime,
		})
	}
	for _, t := range tracks {
		h := sha256.New()
		for i := range t.prints {
			h.Write(t.prints[i].sum[:])
		}
		h.Sum(t.whole[:0])
	}
	return c, nil
}

// A comparison collects what is found.
type comparison struct {
	diff Difference
	all  spacing
}

func (c *comparison) differ(format string, args ...any) {
	if c.diff.First == "" {
		c.diff.First = fmt.Sprintf(format, args...)
	}
}

// topic compares the channels of one topic and notes which correspond.
func (c *comparison) topic(topic string, left, right []*track, pairs map[*track]*track) {
	d := TopicDifference{Topic: topic, A: count(left), B: count(right), Equal: true}
	differ := func(format string, args ...any) {
		d.Equal = false
		c.differ("topic %q: %s", topic, fmt.Sprintf(format, args...))
	}
	matched, rest := match(left, right)
	if len(left) != len(right) {
		differ("%d publishers with %d messages in the first recording, %d with %d in the second", len(left), d.A, len(right), d.B)
	}
	h := newSpacing()
	for _, l := range left {
		r := matched[l]
		if r == nil && len(rest) > 0 {
			r, rest = rest[0], rest[1:]
			differ("%s", l.difference(r))
		}
		if r != nil {
			pairs[l] = r
			l.spacing(r, h, c.all)
		}
	}
	s := h.result()
	d.SpacingP50, d.SpacingP99, d.SpacingMax = s.P50, s.P99, s.Max
	c.diff.Topics = append(c.diff.Topics, d)
}

func count(tracks []*track) (n uint64) {
	for _, t := range tracks {
		n += uint64(len(t.prints))
	}
	return n
}

// match finds for each left track a right one that is the same, and returns the right ones that are none of them.
func match(left, right []*track) (pairs map[*track]*track, rest []*track) {
	pairs = make(map[*track]*track)
	rest = slices.Clone(right)
	for _, l := range left {
		i := slices.IndexFunc(rest, func(r *track) bool {
			return l.whole == r.whole && len(l.prints) == len(r.prints) && sameType(typeOf(l.channel), typeOf(r.channel))
		})
		if i >= 0 {
			pairs[l] = rest[i]
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return pairs, rest
}

// difference says in words how two tracks differ.
func (t *track) difference(o *track) string {
	a, b := t.channel, o.channel
	if !sameType(typeOf(a), typeOf(b)) {
		if a.SchemaName == b.SchemaName && a.Encoding == b.Encoding {
			return fmt.Sprintf("the schemas of %q differ: %d bytes of %q, and %d bytes of %q",
				a.SchemaName, len(a.Schema), a.SchemaEncoding, len(b.Schema), b.SchemaEncoding)
		}
		return fmt.Sprintf("%q as %q in the first recording, %q as %q in the second", a.SchemaName, a.Encoding, b.SchemaName, b.Encoding)
	}
	for i := range min(len(t.prints), len(o.prints)) {
		if p, q := t.prints[i], o.prints[i]; p.sum != q.sum {
			return fmt.Sprintf("message %d differs: sequence %d with %d bytes in the first recording, sequence %d with %d bytes in the second",
				i+1, p.sequence, p.size, q.sequence, q.size)
		}
	}
	return fmt.Sprintf("%d messages in the first recording, %d in the second", len(t.prints), len(o.prints))
}

// spacing adds how the intervals between messages differ.
func (t *track) spacing(o *track, to ...spacing) {
	for i := 1; i < min(len(t.prints), len(o.prints)); i++ {
		a := t.prints[i].log - t.prints[i-1].log
		b := o.prints[i].log - o.prints[i-1].log
		for _, s := range to {
			s.add(time.Duration(min(max(a, b)-min(a, b), math.MaxInt64)))
		}
	}
}

// order checks that neighbours in the first recording are not the other way round in the second. The second's publish
// times tell how a player sent them; its log times how a recorder took them, which from several publishers may be another
// order. Only when both say otherwise is it one.
func (c *comparison) order(left *contents, pairs map[*track]*track) {
	for i := 1; i < len(left.order); i++ {
		p, q := left.order[i-1], left.order[i]
		if p.track == q.track || p.print().log == q.print().log {
			continue
		}
		a, b := pairs[p.track].prints[p.index], pairs[q.track].prints[q.index]
		if a.publish > b.publish && a.log > b.log {
			c.diff.Inversions++
			c.differ("message %d of the first recording, on %q, comes before one on %q; in the second it comes after",
				i, p.track.channel.Topic, q.track.channel.Topic)
		}
	}
}
