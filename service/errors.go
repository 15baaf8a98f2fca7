package service

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/registry"
)

// Results of a call that has no response, for errors.Is. The package documentation says what each means. Calls return them within a
// *CallError, which names the service and the server.
var (
	ErrNoServer       = errors.New("no server has this name")
	ErrBusy           = errors.New("too many calls are open")
	ErrNotStarted     = errors.New("the handler did not start and will not")
	ErrOutcomeUnknown = errors.New("the handler may have run")
)

// A CallError says why a call has no response.
type CallError struct {
	Service string
	Server  registry.Participant // the zero Participant if no server was chosen
	Err     error                // one of the errors of this package, or that of ctx
	Detail  string               // what happened, and the remedy
}

func (e *CallError) Error() string {
	s := fmt.Sprintf("call %q: %v", e.Service, e.Err)
	if e.Server.PID != 0 {
		s = fmt.Sprintf("call %q of %s, pid %d: %v", e.Service, e.Server.Unit, e.Server.PID, e.Err)
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func (e *CallError) Unwrap() error { return e.Err }

// A HandlerError is an error that a handler returned. A handler that returns a *HandlerError chooses its fields. Of every other error
// the client gets the text, with the code and value of a *HandlerError that it wraps.
type HandlerError struct {
	Code  int32 // chosen by the handler; not negative
	Text  string
	Value []byte // encoded by the handler; the client owns its copy
}

func (e *HandlerError) Error() string {
	switch {
	case e == nil:
		return "the handler returned a nil *HandlerError as its error"
	case e.Code == 0:
		return e.Text
	}
	return fmt.Sprintf("%s (code %d)", e.Text, e.Code)
}

// HandlerErrorOf returns what a client gets of an error that a handler returned: err itself if that is a *HandlerError; else its text,
// with the code and the value of the *HandlerError that it wraps. err must not be nil.
func HandlerErrorOf(err error) *HandlerError {
	var own *HandlerError
	if !errors.As(err, &own) || own == nil { // a nil *HandlerError is an error, though its maker meant none
		return &HandlerError{Text: err.Error()}
	}
	// The text of own has its code, which the client's HandlerError adds too.
	text := strings.Replace(err.Error(), own.Error(), own.Text, 1)
	if own.Code < 0 {
		return &HandlerError{Text: fmt.Sprintf("%s (code %d is negative)", text, own.Code), Value: own.Value}
	}
	return &HandlerError{Code: own.Code, Text: text, Value: own.Value}
}

// A ServerExistsError says that another server has the name, and that not both servers have the option Group.
type ServerExistsError struct {
	Service string
	Server  registry.Participant
	Group   bool // one of the two has the option Group
}

func (e *ServerExistsError) Error() string {
	remedy := "stop it, or choose another name"
	if e.Group {
		remedy += "; servers share a name only if all have the option Group"
	}
	return fmt.Sprintf("serve %q: %s, pid %d, %s, serves this name already; %s", e.Service, e.Server.Unit, e.Server.PID, e.Server.Executable, remedy)
}

// Codes of errors that the library of the server answers with. Codes of handlers are not negative.
const (
	codeCancelled  = -1 - iota // before the handler started
	codeDeadline               // ″
	codeClosing                // ″
	codeBadRequest             // the request cannot be decoded
	codeTooLarge               // the response exceeds the server's MaxPayload
	codeLost                   // the client did not take the responses of a stream
	codeInternal               // another failure to answer
	codeEnded                  // the handler returned the error of its context, which was cancelled before
	codeOverdue                // ″, whose deadline was over before
)

// An unknownError is an ErrOutcomeUnknown with a text of its own, and a busyError an ErrBusy.
type (
	unknownError string
	busyError    string
)

func (e unknownError) Error() string { return string(e) }
func (e unknownError) Unwrap() error { return ErrOutcomeUnknown }
func (e busyError) Error() string    { return string(e) }
func (e busyError) Unwrap() error    { return ErrBusy }

const (
	// ErrClientSlow is the ErrOutcomeUnknown of a stream that its server ended, because the client took no response for too long.
	ErrClientSlow = unknownError("the client took no response for too long, and the server ended the stream")
	// errNotSent is the result of a call whose handler has returned.
	errNotSent = unknownError("the handler has returned, and its result cannot be sent")
	// errStuck is how the handler of that stream learns it.
	errStuck = busyError("the client took no response")
)

// A connectError says why a server that exists cannot be called.
type connectError struct{ err error }

func (e *connectError) Error() string   { return "the connection to it cannot be made: " + e.err.Error() }
func (e *connectError) Unwrap() []error { return []error{ErrNoServer, e.err} }

var (
	errBadRequest = fmt.Errorf("%w", ErrNotStarted) // every server would refuse the request
	errAllOpen    = fmt.Errorf("%w", ErrBusy)       // no slot is free
	errUntaken    = fmt.Errorf("%w", ErrBusy)       // the server has not taken as many requests as may wait
)

// outcomeOf returns the error that a code of the library stands for.
func outcomeOf(code int32) error {
	switch code {
	case codeClosing:
		return ErrNotStarted
	case codeBadRequest:
		return errBadRequest
	case codeCancelled:
		return fmt.Errorf("%w: %w", ErrNotStarted, context.Canceled)
	case codeDeadline:
		return fmt.Errorf("%w: %w", ErrNotStarted, context.DeadlineExceeded)
	case codeOverdue:
		return context.DeadlineExceeded
	case codeLost:
		return ErrClientSlow
	case codeTooLarge, codeInternal:
		return errNotSent
	}
	return ErrOutcomeUnknown
}

// An error's description is the length of its text, the text, and the value.

func describe(text string, value []byte) []byte {
	b := binary.NativeEndian.AppendUint32(make([]byte, 0, 4+len(text)+len(value)), uint32(len(text)))
	return append(append(b, text...), value...)
}

// ParseFailure reads the description of an error, which follows the header of a message of KindError: the text, and the value, which is a
// copy.
func ParseFailure(b []byte) (text string, value []byte, err error) {
	if len(b) < 4 {
		return "", nil, errors.New("parse the error of a handler: it is cut off")
	}
	n := uint64(binary.NativeEndian.Uint32(b))
	b = b[4:]
	if n > uint64(len(b)) {
		return "", nil, errors.New("parse the error of a handler: it is cut off")
	}
	return string(b[:n]), append([]byte(nil), b[n:]...), nil
}

// errorOf returns the error that an answer of kind KindError stands for.
func errorOf(h Header, description []byte, service string, server registry.Participant) error {
	text, value, err := ParseFailure(description)
	switch {
	case err != nil:
		return &CallError{Service: service, Server: server, Err: ErrOutcomeUnknown, Detail: err.Error()}
	case h.Code < 0:
		return &CallError{Service: service, Server: server, Err: outcomeOf(h.Code), Detail: text}
	}
	if len(value) == 0 {
		value = nil
	}
	return &HandlerError{Code: h.Code, Text: text, Value: value}
}
