package goal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/shmbus/shmbus/service"
)

// An update is what a server tells of a goal: its state and, by content, its newest feedback, its result or its error. The state 0 says
// that the server does not know the goal.
type update struct {
	state   State
	content content
	code    int32  // of an error, or the cause of a cancel
	text    string // of an error, or why the goal was cancelled
	value   []byte // encoded
}

// A content says what the value of an update is.
type content byte

const (
	hasNothing content = iota
	hasFeedback
	hasResult
	hasError // the value of a service.HandlerError
)

// bytes returns the update with its text and value.
func (u update) bytes() []byte {
	b := make([]byte, updateHeader, updateHeader+len(u.text)+len(u.value))
	b[updOffState], b[updOffContent] = byte(u.state), byte(u.content)
	binary.NativeEndian.PutUint32(b[updOffCode:], uint32(u.code))
	binary.NativeEndian.PutUint32(b[updOffText:], uint32(len(u.text)))
	return append(append(b, u.text...), u.value...)
}

// parseUpdate reads an update, which keeps b.
func parseUpdate(b []byte) (u update, err error) {
	if len(b) < updateHeader {
		return u, fmt.Errorf("parse an update of a goal: it has %d bytes, the header alone has %d", len(b), updateHeader)
	}
	u = update{state: State(b[updOffState]), content: content(b[updOffContent]), code: int32(binary.NativeEndian.Uint32(b[updOffCode:]))}
	rest, n := b[updateHeader:], binary.NativeEndian.Uint32(b[updOffText:])
	switch {
	case u.state >= Lost || u.content > hasError || !u.fits():
		return update{}, fmt.Errorf("parse an update of a goal: it has state %d with content %d", b[updOffState], b[updOffContent])
	case uint64(n) > uint64(len(rest)):
		return update{}, fmt.Errorf("parse an update of a goal: its text of %d bytes is cut off", n)
	}
	u.text, u.value = string(rest[:n]), rest[n:len(rest):len(rest)]
	return u, nil
}

// causes are those of a cancel, by their codes. Code 0 is another cause, of which the text alone travels.
func causes() []error {
	return []error{1: ErrCancelRequested, 2: ErrPreempted, 3: ErrClientsGone, 4: ErrServerClosed}
}

// cancelledBy returns the last update of a goal that was cancelled.
func cancelledBy(cause error) update {
	code := slices.IndexFunc(causes(), func(c error) bool { return c != nil && errors.Is(cause, c) })
	return update{state: Cancelled, code: int32(max(code, 0)), text: cause.Error()}
}

// cause returns why a goal was cancelled.
func (u update) cause() error {
	if all := causes(); u.code > 0 && int(u.code) < len(all) {
		return all[u.code]
	}
	return errors.New(u.text)
}

// fits reports whether the state can have the content.
func (u update) fits() bool {
	switch u.content {
	case hasFeedback:
		return u.state == Running
	case hasResult:
		return u.state == Succeeded || u.state == Cancelled
	case hasError:
		return u.state == Failed
	}
	return u.state != Succeeded && u.state != Failed
}

// failure returns the error of a goal that failed.
func (u update) failure() error {
	e := &service.HandlerError{Code: u.code, Text: u.text}
	if len(u.value) > 0 {
		e.Value = u.value
	}
	return e
}
