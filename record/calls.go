package record

import (
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// A callSource is what the recorder knows of a publisher of requests, responses or control messages.
type callSource struct {
	role   string
	client string       // the client's publisher of requests; of control messages not known
	calls  *channel     // of CallMessage; nil: the file has no room for another channel
	counts *topicCounts // of calls
}

// callDescriptions returns the descriptions of the channels for a publisher of a service: of its CallMessages, and of its values. ok is
// false for a publisher of a topic.
func callDescriptions(d *description) (calls, values description, ok bool) {
	name, role, ok := callTopic(d.topic)
	if !ok {
		return calls, values, false
	}
	calls = description{topic: callChannel(name, roleCalls), kind: callMessages(), service: name, role: roleCalls}
	values = calls
	if role != roleControl {
		values = description{topic: callChannel(name, role), kind: service.TypeOfValues(d.kind), service: name, role: role}
	}
	return calls, values, true
}

// openCalls gives a source the channels of a service.
func (r *recorder) openCalls(src *source, topic string, calls, values *description) (err error) {
	_, role, _ := callTopic(topic)
	src.latched = false // the newest state of each slot is not what a late subscriber of a recording needs
	src.call = &callSource{role: role, client: src.id.String()}
	if role == roleResponse {
		src.call.client = requestsClient(topic)
	}
	if src.call.calls, err = r.channels.of(calls); err != nil {
		return err
	}
	src.call.counts = r.counts.of(calls.topic, &calls.kind, src.call.calls)
	return r.openChannel(src, values)
}

// Errors of a sample that is not recorded.
var (
	errNotOfCall = errors.New("it is not a message of a service")
	errNoChannel = errors.New("the file has no room for another channel")
)

// takeCall writes a message of a service: a CallMessage, and the value as a message of its own, in the encoding of the values.
func (r *recorder) takeCall(src *source, s *topic.Sample[[]byte], a *sampleInfo) error {
	r.applyClockSteps()
	err := s.Read(func(payload []byte) error {
		c := CallMessage{Unit: src.unit, Executable: src.executable, PID: src.pid, Sequence: a.sequence}
		value, ok, err := src.describeCall(&c, payload, a, r.start)
		if err != nil || !ok {
			return err
		}
		return r.writeCall(src, a.stamp, &c, value)
	})
	src.counts.overwritten.Add(a.lost)
	if err != nil {
		err = src.counts.addUnwritten(err)
	}
	r.recordEnded()
	return err
}

// describeCall fills in c from a message of the source, and returns the value, nil if it has none. ok is false for a message about no call.
func (src *source) describeCall(c *CallMessage, payload []byte, a *sampleInfo, start int64) (value []byte, ok bool, err error) {
	if src.call.role == roleControl {
		number, requests, ok := service.ParseCancel(payload)
		c.Kind, c.Number = kindCancel, number
		c.Client = registry.EndpointID{Participant: a.publisher.Participant, Number: requests}.String()
		return nil, ok && a.stamp >= start, nil // a late subscriber gets old ones
	}
	h, rest, err := service.ParseHeader(payload)
	if err != nil {
		return nil, false, errNotOfCall
	}
	c.Kind, c.Number, c.Code, c.Client = h.Kind.String(), h.Number, h.Code, src.call.client
	if c.isRequest() != (src.call.role == roleRequest) {
		return nil, false, errNotOfCall
	}
	if h.Deadline != 0 {
		c.Timeout = time.Duration(max(h.Deadline-a.stamp, 1))
	}
	switch h.Kind {
	case service.KindWelcome, service.KindClosed:
		return nil, false, nil
	case service.KindError:
		c.Error, c.ErrorValue, err = service.ParseFailure(rest)
		if err != nil {
			err = errNotOfCall
		}
		return nil, true, err
	case service.KindEnd:
		return nil, true, nil
	}
	return rest, true, nil
}

// writeCall writes a call message and its value.
func (r *recorder) writeCall(src *source, stamp int64, c *CallMessage, value []byte) (err error) {
	var number uint32
	if value != nil {
		if src.channel, number, err = r.nextNumber(src.channel, src.counts); err != nil {
			return err
		}
		if len(value) > mcapfile.MaxMessage {
			return &mcapfile.MessageSizeError{Topic: src.channel.Topic, Size: len(value), Limit: mcapfile.MaxMessage}
		}
		c.Value = valueName(src.channel.stream, number)
	}
	m := mcapfile.Message{LogTime: r.time(r.logStamp(src, stamp)), PublishTime: r.time(stamp)}
	call := src.call
	if call.calls, m.Sequence, err = r.nextNumber(call.calls, call.counts); err != nil {
		return err
	}
	js, err := json.Marshal(c)
	if err != nil {
		return err // impossible: text and numbers
	}
	m.Channel, m.Data = call.calls.Channel, js
	if err := r.write(src, &m); err != nil {
		return err
	}
	call.counts.addTaken(&m)
	if value == nil {
		return nil
	}
	m.Channel, m.Sequence, m.Data = src.channel.Channel, number, value
	if err := r.write(src, &m); err != nil {
		return err
	}
	src.counts.addTaken(&m)
	return nil
}

// nextNumber returns the next sequence number of a channel without ranges, and the channel that has it: another one if the numbers are used
// up. The error is errNoChannel if the file has no room for that.
func (r *recorder) nextNumber(ch *channel, counts *topicCounts) (*channel, uint32, error) {
	if ch != nil && ch.next > math.MaxUint32 {
		var err error
		if ch, err = r.channels.successor(ch); err != nil {
			return nil, 0, err
		}
		r.counts.addChannel(counts, ch)
	}
	if ch == nil {
		return nil, 0, errNoChannel
	}
	ch.next++
	return ch, uint32(ch.next - 1), nil
}
