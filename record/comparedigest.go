package record

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

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

// published is the publish time, or the log time where a tool has left that out.
func (d *messageDigest) published() uint64 { return cmp.Or(d.publish, d.log) }

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
	plan, err := mcapfile.NewPlan(passes.of(f, size), size, &mcapfile.Limits{Memory: o.Memory / 4, Whole: o.Memory}, o.wants)
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

// silent returns lists without messages for the chosen topics that have none, one for each type.
func (c *recordingDigest) silent(o *CompareOptions) map[string][]*messageList {
	lists := make(map[string][]*messageList)
	for _, ch := range c.plan.Declared {
		sameAsBefore := func(l *messageList) bool { return sameType(typeOf(l.channel), typeOf(ch)) }
		if o.wants(ch) && !isCall(ch) && c.topics[ch.Topic] == nil && !slices.ContainsFunc(lists[ch.Topic], sameAsBefore) {
			lists[ch.Topic] = append(lists[ch.Topic], &messageList{channel: ch})
		}
	}
	return lists
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
