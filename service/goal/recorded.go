package goal

import (
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/serde"
)

// Taken is the operation of a request that says that the client has the result.
const Taken = "taken"

// operationNames are the names of operations in recordings.
func operationNames() [opTaken + 1]string {
	return [...]string{opStart: "start", opFollow: "follow", opCancel: "cancel", opTaken: Taken}
}

// A RecordedRequest is a request to a server of goals, for tools that record and replay.
type RecordedRequest struct {
	ID        ID
	Operation string // start, follow, cancel or taken
	Value     []byte // of a start, encoded; else nil
}

// ParseRequest reads the value of a request to a server of goals, whose own value stays in place.
func ParseRequest(b []byte) (r RecordedRequest, err error) {
	if len(b) < requestHeader {
		return r, badRequest(fmt.Errorf("it has %d bytes, the header alone has %d", len(b), requestHeader))
	}
	op := operation(b[len(ID{})])
	if op < opStart || op > opTaken {
		return r, badRequest(fmt.Errorf("its operation is %d, must be %d to %d", op, opStart, opTaken))
	}
	r = RecordedRequest{ID: ID(b), Operation: operationNames()[op]}
	if op == opStart {
		r.Value = b[requestHeader:]
	}
	return r, nil
}

// Append appends the request as a server takes it.
func (r RecordedRequest) Append(dst []byte) ([]byte, error) {
	for op, name := range operationNames() {
		if op > 0 && name == r.Operation {
			var header [requestHeader]byte
			copy(header[:], r.ID[:])
			header[len(r.ID)] = byte(op)
			return append(append(dst, header[:]...), r.Value...), nil
		}
	}
	return dst, badRequest(fmt.Errorf("its operation is %.40q", r.Operation))
}

// A RecordedUpdate is what a server of goals tells of one, for tools that record.
type RecordedUpdate struct {
	State    string // "" = the server does not know the goal
	Code     int32  // of an error
	Text     string // of an error, or why the goal was cancelled
	Feedback bool   // Value is feedback, else a result
	Value    []byte // encoded; nil = none
	Error    []byte // value of an error
}

// ParseUpdate reads the value of a response of a server of goals, which stays in place.
func ParseUpdate(b []byte) (r RecordedUpdate, err error) {
	u, err := parseUpdate(b)
	if err != nil {
		return r, err
	}
	r = RecordedUpdate{Code: u.code, Text: u.text}
	if u.state != 0 {
		r.State = u.state.String()
	}
	switch u.content {
	case hasFeedback, hasResult:
		r.Value, r.Feedback = u.value, u.content == hasFeedback
	case hasError:
		r.Error = u.value
	}
	return r, nil
}

// GoalType returns the type of the goals in requests of type t. ok is false if these are not for goals.
func GoalType(t serde.Type) (goal serde.Type, ok bool) {
	return valueOfRequests(t), strings.HasPrefix(t.Encoding, Encoding)
}

// TypesOfUpdates returns the types of feedback and result in responses of type t. ok is false if these are not of goals.
func TypesOfUpdates(t serde.Type) (feedback, result serde.Type, ok bool) {
	if t.Encoding != responseEncoding {
		return feedback, result, false
	}
	values, err := valuesOfUpdates(t)
	return values.Feedback, values.Result, err == nil
}
