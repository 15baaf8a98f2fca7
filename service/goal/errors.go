package goal

import (
	"errors"
	"fmt"

	"github.com/shmbus/shmbus/service"
)

// Errors for errors.Is.
var (
	ErrCancelled = errors.New("the goal was cancelled")                      // by Handle.Result, with the cause
	ErrLost      = errors.New("the goal was lost")                           // by Handle.Result: its server died, or forgot it
	ErrUnknown   = errors.New("the server has no goal with this id")         // by Client.Find and Handle.Cancel: it never had it, the result was taken or is too old
	ErrBusy      = errors.New("the client follows as many goals as it may")  // by Client.Start and Client.Find; nothing was sent
	ErrEnded     = errors.New("the goal has ended")                          // by Goal.Feedback after the handler has returned
	ErrTooLarge  = errors.New("the encoded value is larger than MaxPayload") // by Goal.Feedback, and as the failure of a goal whose result it is
)

// Causes of the end of a handler's context, as context.Cause returns them. Handle.Result wraps them too.
var (
	ErrCancelRequested = errors.New("a client cancelled the goal")
	ErrPreempted       = errors.New("a newer goal preempted it")
	ErrClientsGone     = errors.New("its clients have left or died")
	ErrServerClosed    = service.ErrServerClosed
)

// A lostError says what the client knew of a goal that is lost.
type lostError struct {
	last State
	err  error
}

func (e *lostError) Error() string {
	why := e.err.Error()
	if call := (*service.CallError)(nil); errors.As(e.err, &call) && call.Detail != "" {
		why = call.Detail
	}
	known := "it was running"
	if e.last != Running {
		known = "it was accepted, and the client had not heard that it ran"
	}
	return fmt.Sprintf("%v: %s; %s", ErrLost, known, why)
}

func (e *lostError) Unwrap() []error { return []error{ErrLost, e.err} }

// A RejectedError says that the server did not accept a goal. The handler does not run.
type RejectedError struct {
	Service string
	ID      ID
	Reason  *service.HandlerError // what ServerOptions.Admit returned, or the limit that is reached
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("start goal %v of %q: rejected: %v", e.ID, e.Service, e.Reason)
}

func (e *RejectedError) Unwrap() error { return e.Reason }

// A CancelRefusedError says that the server did not grant a cancel. The goal goes on, or has ended already.
type CancelRefusedError struct {
	Service string
	ID      ID
	Reason  *service.HandlerError // what ServerOptions.AllowCancel returned, or that the goal has ended
}

func (e *CancelRefusedError) Error() string {
	return fmt.Sprintf("cancel goal %v of %q: refused: %v", e.ID, e.Service, e.Reason)
}

func (e *CancelRefusedError) Unwrap() error { return e.Reason }
