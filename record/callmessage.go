package record

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/service"
)

// Roles of the channels of a service. The first two are also in the names of the topics that the recorder receives.
const (
	roleRequest  = "request"  // values of requests
	roleResponse = "response" // values of responses; of goals the results
	roleFeedback = "feedback" // of goals
	roleCalls    = "calls"    // a CallMessage for each request, response and cancellation
	roleControl  = "control"  // received, and recorded as cancellations
)

// kindCancel is the CallMessage.Kind of a cancellation.
const kindCancel = "cancel"

// A CallMessage is what a recording says of a request or response, or of a call that is cancelled. The value, if there is one, is the
// message that Value names, after this one and with the same times.
type CallMessage struct {
	Kind       string `json:"kind"`   // of a request: call, send or stream; of a response: response, item, end or error; or cancel
	Client     string `json:"client"` // identity of the client's publisher of requests
	Number     uint64 `json:"number"` // of the call of this client
	Unit       string `json:"unit"`   // of the process that sent it
	Executable string `json:"executable"`
	PID        int    `json:"pid"`
	Sequence   uint64 `json:"seq"` // of the process's publisher
	// Timeout is the time that a request left the server, 0 = any.
	Timeout    time.Duration `json:"timeout_ns,omitempty"`
	Code       int32         `json:"code,omitempty"`        // of an error; negative: of the library
	Error      string        `json:"error,omitempty"`       // its text
	ErrorValue []byte        `json:"error_value,omitempty"` // its value
	// Of a goal: its id, what a request asks for (start, follow, cancel, taken), and the state in a response.
	Goal      string `json:"goal,omitempty"`
	Operation string `json:"operation,omitempty"`
	State     string `json:"state,omitempty"`
	Value     string `json:"value,omitempty"` // STREAM:SEQUENCE: channel by its metadata shmbus.stream, and sequence number

	feedback bool // of the recorder: the value is feedback of a goal
}

// isRequest reports whether the message is a request.
func (c *CallMessage) isRequest() bool {
	switch c.Kind {
	case service.KindCall.String(), service.KindSend.String(), service.KindStream.String():
		return true
	}
	return false
}

// callTopic returns the service of a topic whose messages are recorded as those of calls, and its role.
func callTopic(topic string) (name, role string, ok bool) {
	name, role, ok = service.ServiceOf(topic)
	return name, role, ok && (role == roleRequest || role == roleResponse || role == roleControl)
}

// isCall reports whether a channel is one of a service.
func isCall(c *mcapfile.Channel) bool { return c.Metadata[keyService] != "" }

// ChosenName returns the name by which options choose a channel: that of its service, or else of its topic.
func ChosenName(c *mcapfile.Channel) string { return cmp.Or(c.Metadata[keyService], c.Topic) }

func valueName(stream string, sequence uint32) string {
	return stream + ":" + strconv.FormatUint(uint64(sequence), 10)
}

// A callPairer brings the messages of services together with their values.
type callPairer struct {
	requests bool                    // only the values of requests come
	waiting  map[string]*CallMessage // by the name of the value
}

func newCallPairer() *callPairer { return &callPairer{waiting: make(map[string]*CallMessage)} }

// maxWaitingValues bounds the messages whose values have not come. The value is mostly the next message of the file.
const maxWaitingValues = 1 << 16

// take takes the next message of a channel of a service. When a call message and its value are there, it returns them; value is nil if it
// has none. An error concerns this message only.
func (p *callPairer) take(m *mcapfile.Message) (c *CallMessage, value *mcapfile.Message, err error) {
	if m.Channel.Metadata[keyRole] != roleCalls {
		name := valueName(m.Channel.Metadata[keyStream], m.Sequence)
		c = p.waiting[name]
		delete(p.waiting, name)
		if c == nil {
			return nil, nil, fmt.Errorf("message %d on %s has no call that it belongs to", m.Sequence, quote(m.Channel.Topic))
		}
		return c, m, nil
	}
	c = new(CallMessage)
	if err := json.Unmarshal(m.Data, c); err != nil {
		return nil, nil, fmt.Errorf("message %d on %s: %w", m.Sequence, quote(m.Channel.Topic), err)
	}
	if c.Value == "" || p.requests && !c.isRequest() {
		return c, nil, nil
	}
	if len(p.waiting) >= maxWaitingValues {
		clear(p.waiting)
		err = fmt.Errorf("the values of %d calls are missing", maxWaitingValues)
	}
	p.waiting[c.Value] = c
	return nil, nil, err
}

// A callKey names a call of a recording.
type callKey struct {
	service, client string
	number          uint64
}

func (c *CallMessage) key(name string) callKey { return callKey{name, c.Client, c.Number} }

// requestsClient is the identity of the client's publisher of requests, which ends the name of a topic of responses.
func requestsClient(topic string) string { return topic[strings.LastIndexByte(topic, '/')+1:] }

// outcome describes a message without what differs in each run.
func (c *CallMessage) outcome() string {
	s := c.Kind
	if c.Operation+c.State != "" {
		s += " " + c.Operation + c.State
	}
	if c.Code != 0 {
		s += " " + strconv.Itoa(int(c.Code))
	}
	if c.Error != "" {
		s += ": " + c.Error
	}
	return s
}
