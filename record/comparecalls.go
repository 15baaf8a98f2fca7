package record

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/service"
)

// callDigests are the calls of a recording. A call is compared with one of the same request.
type callDigests struct {
	pairs    *callPairer
	services map[string][]*callDigest // by name, in the order of the requests
	open     map[callKey]*callDigest
	damage   *mcapfile.Damage
}

// A callDigest stands for a call.
type callDigest struct {
	request partDigest
	answers []partDigest // also of the cancellation
}

// A partDigest stands for a request or an answer.
type partDigest struct {
	kind  string     // CallMessage.Kind
	what  string     // for people
	sum   [16]byte   // of the kind, the error and the value
	value messageRef // its list is nil without a value
	size  uint64     // bytes of the value
}

// callCost is the memory for a message of a service in bytes, besides digestCost.
const callCost = 512

func newCallDigests() *callDigests {
	return &callDigests{pairs: newCallPairer(), services: make(map[string][]*callDigest), open: make(map[callKey]*callDigest)}
}

// add takes the next message of a channel of a service. ref is its place, if it holds a value.
func (d *callDigests) add(m *mcapfile.Message, ref messageRef) {
	c, value, err := d.pairs.take(m)
	if err != nil {
		d.damage = d.damage.Note(err)
		return
	}
	if c == nil {
		return
	}
	p := partDigest{kind: c.Kind, what: cutText(c.outcome(), 200)}
	h := sha256.New()
	fmt.Fprintf(h, "%q", []string{c.Kind, c.Operation, c.State, c.Error, string(c.ErrorValue)})
	binary.Write(h, binary.LittleEndian, c.Code)
	if value != nil {
		p.value, p.size = ref, uint64(len(value.Data))
		h.Write(p.value.digest().sum[:])
		p.what += fmt.Sprintf(" of %d bytes", p.size)
	}
	p.sum = [16]byte(h.Sum(nil))
	name := m.Channel.Metadata[keyService]
	key := c.key(name)
	if c.isRequest() {
		call := &callDigest{request: p}
		d.services[name] = append(d.services[name], call)
		d.open[key] = call
		return
	}
	call := d.open[key]
	if call == nil || isProgress(c.State) {
		return // its request is not in the recording; or it is progress
	}
	call.answers = append(call.answers, p)
	if c.State != "" {
		delete(d.open, key) // the goal has ended: then its client leaves the stream, or that ends
	}
	if c.Kind != service.KindItem.String() && c.Kind != kindCancel {
		delete(d.open, key)
	}
}

func (d *callDigests) size(name string) (n uint64) {
	for _, c := range d.services[name] {
		n += c.request.size
		for _, a := range c.answers {
			n += a.size
		}
	}
	return n
}

// A valuePair is two answers that differ in the bytes of their values.
type valuePair struct {
	left, right messageRef
	topic       int // in Difference.Topics
	number      int // of the call
}

// services compares the answers to the same requests.
func (c *comparison) services(left, right *callDigests) {
	names := maps.Clone(left.services)
	maps.Copy(names, right.services)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, b := left.services[name], right.services[name]
		d := TopicDifference{
			Topic: service.Prefix + name, A: uint64(len(a)), B: uint64(len(b)), ABytes: left.size(name), BBytes: right.size(name), Equal: true,
		}
		same := make(map[[16]byte][]*callDigest)
		for _, call := range b {
			same[call.request.sum] = append(same[call.request.sum], call)
		}
		for i, call := range a {
			others := same[call.request.sum]
			if len(others) == 0 {
				c.topicDiffers(&d, fmt.Sprintf("call %d, a %s, is not in the second recording", i+1, call.request.what))
				continue
			}
			same[call.request.sum] = others[1:]
			c.answers(&d, i+1, call.answers, others[0].answers)
		}
		if len(b) > len(a) || d.Equal && len(b) != len(a) {
			c.topicDiffers(&d, fmt.Sprintf("%d calls in the first recording, %d in the second", len(a), len(b)))
		}
		c.diff.Topics = append(c.diff.Topics, d)
	}
}

// answers compares the answers to a call. Those to a call that was cancelled depend on when it was.
func (c *comparison) answers(d *TopicDifference, number int, a, b []partDigest) {
	cancelled := func(p partDigest) bool { return p.kind == kindCancel }
	if slices.ContainsFunc(a, cancelled) && slices.ContainsFunc(b, cancelled) {
		return
	}
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a) || i >= len(b):
			c.topicDiffers(d, fmt.Sprintf("call %d has %d answers in the first recording, %d in the second", number, len(a), len(b)))
			return
		case a[i].sum == b[i].sum:
		case c.opts.Decode != nil && c.likeBytes(&a[i], &b[i]):
			c.values = append(c.values, valuePair{a[i].value, b[i].value, len(c.diff.Topics), number})
		case a[i].what == b[i].what:
			c.topicDiffers(d, fmt.Sprintf("the answer to call %d differs: %s, with other bytes in the second recording", number, a[i].what))
			return
		default:
			c.topicDiffers(d, fmt.Sprintf("the answer to call %d differs: %s in the first recording, %s in the second", number, a[i].what, b[i].what))
			return
		}
	}
}

// likeBytes reports whether two answers may have the same fields.
func (c *comparison) likeBytes(a, b *partDigest) bool {
	return a.kind == b.kind && a.value.list != nil && b.value.list != nil && sameType(typeOf(a.value.list.channel), typeOf(b.value.list.channel))
}
