package record

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/shmbus/shmbus/record/fields"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
)

// A Difference describes how two recordings differ.
type Difference struct {
	Equal    bool              `json:"equal"`
	Messages uint64            `json:"messages"`         // in the first recording
	First    string            `json:"first,omitempty"`  // the first difference in words, "" when there is none
	Topics   []TopicDifference `json:"topics"`           // sorted by name, after the services, as $service/NAME
	Spacing  Spacing           `json:"spacing,omitzero"` // over all topics
	// Inversions counts neighbors of the first recording with different log times that have the opposite order in the
	// second, by its publish times and by its log times.
	Inversions uint64 `json:"inversions"`
}

// A TopicDifference is the part of a Difference that concerns one topic.
type TopicDifference struct {
	Topic  string `json:"topic"`
	A      uint64 `json:"a"`       // messages in the first recording
	B      uint64 `json:"b"`       // messages in the second
	ABytes uint64 `json:"a_bytes"` // payload
	BBytes uint64 `json:"b_bytes"`
	Equal  bool   `json:"equal"`
	First  string `json:"first,omitempty"` // the first difference in words
	// Differences between the two recordings in the time between consecutive messages, by log time.
	SpacingP50 time.Duration `json:"spacing_p50_ns,omitempty"`
	SpacingP99 time.Duration `json:"spacing_p99_ns,omitempty"`
	SpacingMax time.Duration `json:"spacing_max_ns,omitempty"`
}

// CompareOptions: the zero value compares everything exactly.
type CompareOptions struct {
	Topics  *regexp.Regexp // compare topics that match; nil = all
	Exclude *regexp.Regexp // but not these; nil = none
	// NoServices leaves out the calls of services and the goals, which are otherwise chosen by the name of the service.
	NoServices bool
	// Decode returns a payload as JSON. With it, messages with different bytes are equal if their fields are, within the tolerances.
	Decode     func(kind serde.Type, payload []byte) ([]byte, error)
	Tolerances []fields.Tolerance
	// Memory is the number of bytes for both recordings; 0 = no limit but that of reading them.
	Memory uint64
	// Progress gets the share that is done, from 0 to 1, often, on the goroutine of the caller. Comparing fields comes after that.
	Progress func(float64)
}

// Compare reads two recordings and reports whether they hold the same messages: the same topics with the same types, the
// same bytes in the same order from each publisher, and the same overall order where log times differ. Times are reported
// but not compared. Of services, the answers to the same requests are compared. Compare needs about 60 bytes of memory per message. A file that is damaged or was not closed is
// compared as far as it can be read, and is never equal.
func Compare(a, b string) (Difference, error) { return CompareWithin(a, b, nil) }

// CompareWithin is Compare with options.
func CompareWithin(a, b string, opts *CompareOptions) (Difference, error) {
	c := comparison{all: newSpacing()}
	if opts != nil {
		c.opts = *opts
	}
	passes := &readPasses{show: c.opts.Progress, all: 4}
	left, err := digestFile(a, &c.opts, passes)
	if err != nil {
		return Difference{}, fmt.Errorf("compare: %w", err)
	}
	defer left.file.Close()
	passes.next()
	right, err := digestFile(b, &c.opts, passes)
	if err != nil {
		return Difference{}, fmt.Errorf("compare: %w", err)
	}
	defer right.file.Close()
	if err := c.checkChoice(a, b, left, right); err != nil {
		return Difference{}, fmt.Errorf("compare: %w", err)
	}
	c.diff.Messages = left.messages
	if left.damage != nil {
		c.differ("%s: %v", a, left.damage)
	}
	if right.damage != nil {
		c.differ("%s: %v", b, right.damage)
	}
	c.services(left.calls, right.calls)
	topics := maps.Clone(left.topics)
	maps.Copy(topics, right.topics)
	pairs := make(map[*messageList]*messageList)
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		c.topic(topic, left.topics[topic], right.topics[topic], pairs)
	}
	if err := c.fields(left, right); err != nil {
		return Difference{}, fmt.Errorf("compare: %w", err)
	}
	if c.diff.First == "" {
		c.order(left, pairs)
	}
	c.diff.Equal = c.diff.First == ""
	c.diff.Spacing = c.all.result()
	return c.diff, nil
}

// checkChoice returns an error if the options choose no topic of either recording, which would then be equal.
func (c *comparison) checkChoice(a, b string, left, right *recordingDigest) error {
	if left.damage != nil || right.damage != nil {
		return nil
	}
	all := slices.Concat(left.plan.Declared, right.plan.Declared)
	return CheckChosen(a+" and "+b, ChosenString(nil, c.opts.Topics, c.opts.Exclude, nil), all, c.opts.wants)
}

// A recordingDigest is the part of a file that is compared.
type recordingDigest struct {
	topics   map[string][]*messageList
	order    []messageRef // by log time
	messages uint64
	damage   error

	file  *recordingFile
	plan  *mcapfile.Plan
	from  *attribution
	lists map[messageListKey]*messageList
	calls *callDigests
}

// A messageListKey holds the common properties of the messages of a list.
type messageListKey struct {
	channel   *mcapfile.Channel
	publisher *recordedPublisher
}

// A messageList holds the messages of one publisher, by log time.
type messageList struct {
	channel *mcapfile.Channel
	digests []messageDigest
	sum     [sha256.Size]byte // of the sums of all digests
}

// A messageDigest stands for one message.
type messageDigest struct {
	sum      [16]byte // of the payload
	size     uint32
	sequence uint32
	log      uint64
	publish  uint64
}

type messageRef struct {
	list  *messageList
	index uint32
}

func (p messageRef) digest() *messageDigest { return &p.list.digests[p.index] }

// digestCost is the memory for a message in bytes.
const digestCost = 64

func digestFile(path string, o *CompareOptions, passes *readPasses) (c *recordingDigest, err error) {
	f, size, err := openRecording(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	plan, err := mcapfile.NewPlan(passes.of(f, size), size, &mcapfile.Limits{Memory: o.Memory / 4}, o.wants)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	need := plan.Messages * digestCost
	for _, ch := range plan.Channels {
		if ch.Metadata[keyRole] == roleCalls {
			need += ch.Messages * callCost
		}
	}
	if o.Memory > 0 && need > o.Memory/4 {
		return nil, fmt.Errorf("%s: the comparison of %d messages needs %d bytes of memory, the limit is %d; allow more (--memory), or compare fewer topics",
			path, plan.Messages, 4*need, o.Memory)
	}
	c = &recordingDigest{topics: make(map[string][]*messageList), file: f, plan: plan}
	if plan.Damage != nil {
		c.damage = plan.Damage
	}
	c.from, c.lists, c.calls = newAttribution(), make(map[messageListKey]*messageList), newCallDigests()
	var wrong *mcapfile.Damage
	c.from.addNew(0, plan.Stats.Metadata, &wrong)
	if wrong != nil && c.damage == nil {
		c.damage = wrong
	}
	passes.next()
	for m, err := range f.inOrder(plan, c.from) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		c.messages++
		key := c.key(&m)
		t := c.lists[key]
		if t == nil {
			t = &messageList{channel: m.Channel}
			c.lists[key] = t
			if !isCall(m.Channel) {
				c.topics[m.Channel.Topic] = append(c.topics[m.Channel.Topic], t)
			}
		}
		if uint64(len(t.digests)) == math.MaxUint32 {
			return nil, fmt.Errorf("%s: more than %d messages in one channel cannot be compared", path, uint32(math.MaxUint32))
		}
		ref := messageRef{t, uint32(len(t.digests))}
		sum := sha256.Sum256(m.Data)
		t.digests = append(t.digests, messageDigest{
			sum: [16]byte(sum[:]), size: uint32(len(m.Data)), sequence: m.Sequence, log: m.LogTime, publish: m.PublishTime,
		})
		if isCall(m.Channel) {
			c.calls.add(&m, ref)
		} else {
			c.order = append(c.order, ref)
		}
	}
	if c.calls.damage != nil && c.damage == nil {
		c.damage = c.calls.damage
	}
	for _, t := range c.lists {
		h := sha256.New()
		for i := range t.digests {
			h.Write(t.digests[i].sum[:])
		}
		h.Sum(t.sum[:0])
	}
	return c, nil
}

// wants reports whether a channel is to be compared.
func (o *CompareOptions) wants(c *mcapfile.Channel) bool {
	chosen := PlayOptions{Topics: o.Topics, Exclude: o.Exclude}
	return !(o.NoServices && isCall(c)) && chosen.wants(ChosenName(c))
}

func (c *recordingDigest) key(m *mcapfile.Message) messageListKey {
	publisher, _ := c.from.publisher(m)
	return c.file.oneList(messageListKey{m.Channel, publisher})
}

// A comparison collects the differences.
type comparison struct {
	opts   CompareOptions
	diff   Difference
	all    spacing
	pairs  []listPair  // to be compared by their fields
	values []valuePair // likewise
}

func (c *comparison) differ(format string, args ...any) {
	if c.diff.First == "" {
		c.diff.First = fmt.Sprintf(format, args...)
	}
}

// topic compares the channels of one topic and notes which lists correspond.
func (c *comparison) topic(topic string, left, right []*messageList, pairs map[*messageList]*messageList) {
	d := TopicDifference{Topic: topic, A: count(left), B: count(right), ABytes: size(left), BBytes: size(right), Equal: true}
	differ := func(format string, args ...any) { c.topicDiffers(&d, fmt.Sprintf(format, args...)) }
	matched, rest := match(left, right)
	if len(left) != len(right) {
		differ("%d publishers with %d messages in the first recording, %d with %d in the second", len(left), d.A, len(right), d.B)
	}
	h := newSpacing()
	for _, l := range left {
		r := matched[l]
		if r == nil && len(rest) > 0 {
			r, rest = rest[0], rest[1:]
			if c.opts.Decode != nil && len(l.digests) == len(r.digests) && sameType(typeOf(l.channel), typeOf(r.channel)) {
				c.pairs = append(c.pairs, listPair{l, r, len(c.diff.Topics)})
			} else {
				differ("%s", l.difference(r))
			}
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

func (c *comparison) topicDiffers(d *TopicDifference, text string) {
	if d.Equal = false; d.First == "" {
		d.First = text
	}
	c.differ("topic %q: %s", d.Topic, text)
}

func size(lists []*messageList) (n uint64) {
	for _, l := range lists {
		for i := range l.digests {
			n += uint64(l.digests[i].size)
		}
	}
	return n
}

func count(tracks []*messageList) (n uint64) {
	for _, t := range tracks {
		n += uint64(len(t.digests))
	}
	return n
}

// match finds an identical right list for each left list. It returns the pairs and the remaining right lists.
func match(left, right []*messageList) (pairs map[*messageList]*messageList, rest []*messageList) {
	pairs = make(map[*messageList]*messageList)
	rest = slices.Clone(right)
	for _, l := range left {
		i := slices.IndexFunc(rest, func(r *messageList) bool {
			return l.sum == r.sum && len(l.digests) == len(r.digests) && sameType(typeOf(l.channel), typeOf(r.channel))
		})
		if i >= 0 {
			pairs[l] = rest[i]
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return pairs, rest
}

// difference describes how two lists differ.
func (t *messageList) difference(o *messageList) string {
	a, b := t.channel, o.channel
	if !sameType(typeOf(a), typeOf(b)) {
		if a.SchemaName == b.SchemaName && a.Encoding == b.Encoding {
			return fmt.Sprintf("the schemas of %q differ: %d bytes of %q, and %d bytes of %q",
				a.SchemaName, len(a.Schema), a.SchemaEncoding, len(b.Schema), b.SchemaEncoding)
		}
		return fmt.Sprintf("%q as %q in the first recording, %q as %q in the second", a.SchemaName, a.Encoding, b.SchemaName, b.Encoding)
	}
	for i := range min(len(t.digests), len(o.digests)) {
		if p, q := t.digests[i], o.digests[i]; p.sum != q.sum {
			return fmt.Sprintf("message %d differs: sequence %d with %d bytes in the first recording, sequence %d with %d bytes in the second",
				i+1, p.sequence, p.size, q.sequence, q.size)
		}
	}
	return fmt.Sprintf("%d messages in the first recording, %d in the second", len(t.digests), len(o.digests))
}

// spacing adds the differences between the message intervals of two lists.
func (t *messageList) spacing(o *messageList, to ...spacing) {
	for i := 1; i < min(len(t.digests), len(o.digests)); i++ {
		a := t.digests[i].log - t.digests[i-1].log
		b := o.digests[i].log - o.digests[i-1].log
		for _, s := range to {
			s.add(time.Duration(min(max(a, b)-min(a, b), math.MaxInt64)))
		}
	}
}

// order checks that no neighbors of the first recording have the opposite order in the second. The publish times of the
// second recording show the order in which a player sent them. Its log times show the order in which a recorder took them,
// which may differ for several publishers. A pair counts only if both times are inverted.
func (c *comparison) order(left *recordingDigest, pairs map[*messageList]*messageList) {
	for i := 1; i < len(left.order); i++ {
		p, q := left.order[i-1], left.order[i]
		if p.list == q.list || p.digest().log == q.digest().log {
			continue
		}
		a, b := pairs[p.list].digests[p.index], pairs[q.list].digests[q.index]
		if a.publish > b.publish && a.log > b.log {
			c.diff.Inversions++
			c.differ("message %d of the first recording, on %q, comes before one on %q; in the second it comes after",
				i, p.list.channel.Topic, q.list.channel.Topic)
		}
	}
}
