package param

import (
	"errors"
	"fmt"

	"github.com/shmbus/shmbus/service"
)

// Errors for errors.Is.
var (
	ErrUnknown   = errors.New("there is no such parameter")
	ErrType      = errors.New("the type of the value does not fit")
	ErrReadOnly  = errors.New("the parameter can only be read")
	ErrRefused   = errors.New("the value was refused") // by the function that validates, or as larger than MaxSize; the text has the reason
	ErrNoOwner   = errors.New("no participant of this name has parameters")
	ErrAmbiguous = errors.New("several participants of this name have parameters; name one by its id")
)

// codes are the codes of the errors of a server's service. Their order must not change.
func codes() []error { return []error{1: ErrUnknown, 2: ErrType, 3: ErrReadOnly, 4: ErrRefused} }

// toHandlerError returns what a server answers.
func toHandlerError(err error) error {
	for code, e := range codes() {
		if e != nil && errors.Is(err, e) {
			return &service.HandlerError{Code: int32(code), Text: err.Error()}
		}
	}
	return err
}

// A remoteError is the error of a server that a client returns.
type remoteError struct {
	answer *service.HandlerError
	kind   error
}

func (e *remoteError) Error() string   { return e.answer.Text }
func (e *remoteError) Unwrap() []error { return []error{e.kind, e.answer} }

// fromHandlerError returns the error that a server has answered.
func fromHandlerError(name string, err error) error {
	var answer *service.HandlerError
	if errors.As(err, &answer) && answer.Code > 0 && int(answer.Code) < len(codes()) {
		return &remoteError{answer, codes()[answer.Code]}
	}
	return fmt.Errorf("set parameter %q: %w", name, err)
}
