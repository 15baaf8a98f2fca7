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

// A Request is what a client of goals sends, for tools that observe, record or replay it.
type Request struct {
	ID        ID
	Operation string // start, follow, cancel or taken
	Value     []byte // of a start, encoded; else nil
}

// ParseRequest reads the value of a request to a server of goals, without the header that service.ParseHeader reads. The value of the goal
// stays in place.
func ParseRequest(b []byte) (Request, error) {
	id, op, value, err := parseRequest(b)
	if err != nil {
		return Request{}, err
	}
	r := Request{ID: id, Operation: operationNames()[op]}
	if op == opStart {
		r.Value = value
	}
	return r, nil
}

// HasUpdates reports whether updates of the goal answer the request.
func (r Request) HasUpdates() bool {
	names := operationNames()
	return r.Operation == names[opStart] || r.Operation == names[opFollow]
}

// Append appends the request as a server takes it.
func (r Request) Append(dst []byte) ([]byte, error) {
	for op, name := range operationNames() {
		if op > 0 && name == r.Operation {
			var header [requestHeader]byte
			copy(header[reqOffID:], r.ID[:])
			header[reqOffOperation] = byte(op)
			return append(append(dst, header[:]...), r.Value...), nil
		}
	}
	return dst, badRequest(fmt.Errorf("its operation is %.40q", r.Operation))
}

// An Update is what a server of goals tells of one, for tools that observe or record it.
type Update struct {
	State    State  // 0 = the server does not know the goal
	Code     int32  // of an error
	Text     string // of an error, or why the goal was cancelled
	Feedback bool   // Value is feedback, else a result
	Value    []byte // encoded; nil = none
	Error    []byte // value of an error
}

// ParseUpdate reads the value of a response of a server of goals, which stays in place.
func ParseUpdate(b []byte) (Update, error) {
	u, err := parseUpdate(b)
	if err != nil {
		return Update{}, err
	}
	r := Update{State: u.state, Text: u.text}
	switch u.content {
	case hasFeedback, hasResult:
		r.Value, r.Feedback = u.value, u.content == hasFeedback
	case hasError:
		r.Code, r.Error = u.code, u.value
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
