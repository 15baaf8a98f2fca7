package record

import (
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// A callSource is what the recorder knows of a publisher of requests, responses or control messages.
type callSource struct {
	role     string
	client   string      // the client's publisher of requests; of control messages not known
	goals    bool        // the values are those of goals
	calls    callChannel // of CallMessage
	values   callChannel // the same as calls for control messages
	feedback callChannel // of goals
}

// A callChannel is a channel of a service with what is counted for it.
type callChannel struct {
	*channel // nil: the file has no room for another channel
	counts   *topicCounts
}

// callDescriptions returns the descriptions of the channels for a publisher of a service: of its CallMessages, of its values, and of the
// feedback of goals. It returns none for a publisher of a topic.
func callDescriptions(d *description) []description {
	name, role, ok := callTopic(d.topic)
	if !ok {
		return nil
	}
	channelOf := func(role string, kind serde.Type) description {
		return description{topic: service.Prefix + name + "/" + role, kind: kind, service: name, role: role}
	}
	all := []description{channelOf(roleCalls, serde.Type{Name: "shmbus.Call", Encoding: serde.EncodingJSON})}
	kind := service.TypeOfValues(d.kind)
	switch role {
	case roleRequest:
		values := channelOf(role, kind)
		values.kind, values.goals = goal.GoalType(kind)
		return append(all, values)
	case roleResponse:
		if feedback, result, ok := goal.TypesOfUpdates(kind); ok {
			return append(all, channelOf(role, result), channelOf(roleFeedback, feedback))
		}
		values := channelOf(role, kind)
		if _, _, ok := participantInName(name); ok {
			values.unit = d.unit
		}
		return append(all, values)
	}
	return all
}

// openCalls gives a source the channels of a service.
func (r *recorder) openCalls(src *source, d *description, all []description) error {
	_, role, _ := callTopic(d.topic)
	src.latched = false // the newest state of each slot is not what a late subscriber of a recording needs
	c := &callSource{role: role, client: src.name}
	if role == roleResponse {
		c.client = requestsClient(d.topic)
	}
	for i, to := range []*callChannel{&c.calls, &c.values, &c.feedback}[:len(all)] {
		if err := r.openCallChannel(to, &all[i]); err != nil {
			return err
		}
	}
	if role == roleControl {
		c.values = c.calls
	}
	last := all[len(all)-1]
	c.goals = last.goals || last.role == roleFeedback
	src.call, src.channel, src.counts = c, c.values.channel, c.values.counts
	return nil
}

func (r *recorder) openCallChannel(to *callChannel, d *description) (err error) {
	if to.channel, err = r.channels.of(d); err == nil {
		to.counts = r.counts.of(d.topic, &d.kind, to.channel)
	}
	return err
}

// Errors of a sample that is not recorded.
var (
	errNotOfCall = errors.New("it is not a message of a service")
	errNoChannel = errors.New("the file has no room for another channel")
)

// takeCall writes a message of a service: a CallMessage, and the value as a message of its own, in the encoding of the values.
func (r *recorder) takeCall(src *source, s *topic.Sample[[]byte], a *sampleInfo) error {
	err := s.Read(func(payload []byte) error { return r.takeCallPayload(src, payload, a) })
	if err != nil {
		err = src.counts.addUnwritten(err)
	}
	r.recordEnded()
	return err
}

func (r *recorder) takeCallPayload(src *source, payload []byte, a *sampleInfo) error {
	r.applyClockSteps()
	c := CallMessage{Unit: src.unit, Executable: src.executable, PID: src.pid, Sequence: a.sequence}
	value, ok, err := src.describeCall(&c, payload, a, r.start)
	if err != nil || !ok {
		return err
	}
	return r.writeCall(src, a.stamp, &c, value)
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
	case service.KindEnd:
	default:
		if value = rest; src.call.goals {
			value, err = c.describeGoal(rest)
		}
	}
	if err != nil {
		err = errNotOfCall
	}
	return value, true, err
}

// describeGoal fills in what a request or response says of a goal, and returns its value, nil if it has none.
func (c *CallMessage) describeGoal(payload []byte) (value []byte, err error) {
	if c.isRequest() {
		r, err := goal.ParseRequest(payload)
		c.Goal, c.Operation = r.ID.String(), r.Operation
		return r.Value, err
	}
	u, err := goal.ParseUpdate(payload)
	if u.State != 0 {
		c.State = u.State.String()
	}
	c.Code, c.Error, c.ErrorValue, c.feedback = u.Code, u.Text, u.Error, u.Feedback
	return u.Value, err
}

// writeCall writes a call message and its value.
func (r *recorder) writeCall(src *source, stamp int64, c *CallMessage, value []byte) (err error) {
	call, to := src.call, &src.call.values
	if c.feedback {
		to = &call.feedback
	}
	var number uint32
	if value != nil {
		if number, err = r.nextNumber(to); err != nil {
			return err
		}
		if len(value) > mcapfile.MaxMessage {
			return &mcapfile.MessageSizeError{Topic: to.Topic, Size: len(value), Limit: mcapfile.MaxMessage}
		}
		c.Value = valueName(to.stream, number)
	}
	m := mcapfile.Message{LogTime: r.time(r.logStamp(src, stamp)), PublishTime: r.time(stamp)}
	if m.Sequence, err = r.nextNumber(&call.calls); err != nil {
		return err
	}
	if m.Data, err = json.Marshal(c); err != nil {
		return err // impossible: text and numbers
	}
	if err := r.writeTo(&call.calls, src, &m); err != nil || value == nil {
		return err
	}
	m.Sequence, m.Data = number, value
	return r.writeTo(to, src, &m)
}

func (r *recorder) writeTo(to *callChannel, src *source, m *mcapfile.Message) error {
	m.Channel = to.Channel
	if err := r.write(src, m); err != nil {
		return err
	}
	to.counts.addTaken(m)
	return nil
}

// nextNumber returns the next sequence number of a channel without ranges. If the numbers are used up, another channel continues. The error
// is errNoChannel if the file has no room for that.
func (r *recorder) nextNumber(ch *callChannel) (uint32, error) {
	if ch.channel != nil && ch.next > math.MaxUint32 {
		var err error
		if ch.channel, err = r.channels.successor(ch.channel); err != nil {
			return 0, err
		}
		r.counts.addChannel(ch.counts, ch.channel)
	}
	if ch.channel == nil {
		return 0, errNoChannel
	}
	ch.next++
	return uint32(ch.next - 1), nil
}
