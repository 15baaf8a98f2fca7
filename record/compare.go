package record

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/shmbus/shmbus/record/fields"
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
// but not compared. Topics without messages are compared by their types if both recordings have them: a replay has none. Of services, the answers to the same requests are compared. Compare needs about 60 bytes of memory per message. A file that is damaged or was not closed is
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
	silent := right.silent(&c.opts)
	for topic, lists := range left.silent(&c.opts) {
		if others := silent[topic]; others != nil {
			left.topics[topic], right.topics[topic] = lists, others
		}
	}
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
		if a.published() > b.published() && a.log > b.log {
			c.diff.Inversions++
			c.differ("message %d of the first recording, on %q, comes before one on %q; in the second it comes after",
				i, p.list.channel.Topic, q.list.channel.Topic)
		}
	}
}
