package command

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// A failureReport says in JSON why a call or a goal has no result.
type failureReport struct {
	Kind   string         `json:"kind"`   // of failureKind
	Code   int32          `json:"code"`   // of a handler's error
	Text   string         `json:"text"`   // of a handler's error, else what standard error has
	Value  *string        `json:"value"`  // of a handler's error, in hex; null: it has none
	Server *processReport `json:"server"` // null: none was asked, or it is not known which one
}

// A processReport is the process of a participant in JSON.
type processReport struct {
	ID string `json:"id"`
	identityReport
	Unit       string `json:"unit"`
	Executable string `json:"executable"`
}

func reportProcess(p registry.Participant) *processReport {
	return &processReport{p.ID.String(), reportIdentity(p), p.Unit, p.Executable}
}

// A requestError says that a request cannot be made of what the command line has.
type requestError struct{ error }

func (e *requestError) Unwrap() error { return e.error }

// failureKind names an error of a call or goal for scripts.
func failureKind(err error) string {
	var noDomain *noDomainError
	var request *requestError
	var rejected *goal.RejectedError
	var handler *service.HandlerError
	var types *topic.TypeMismatchError
	switch {
	case errors.Is(err, goal.ErrCancelled):
		return "cancelled"
	case errors.Is(err, goal.ErrLost):
		return "lost"
	case errors.Is(err, goal.ErrUnknown):
		return "unknown_goal"
	case errors.As(err, &rejected):
		return "rejected"
	case errors.As(err, &handler):
		return "handler"
	case errors.Is(err, cli.ErrInterrupted):
		return "interrupted"
	case errors.As(err, &request):
		return "request"
	case errors.As(err, &noDomain):
		return "no_domain"
	case errors.As(err, &types):
		return "type_mismatch"
	case errors.Is(err, service.ErrNotStarted):
		return "not_started"
	case errors.Is(err, service.ErrOutcomeUnknown):
		return "outcome_unknown"
	case errors.Is(err, service.ErrBusy):
		return "busy"
	case errors.Is(err, service.ErrNoServer):
		return "no_server"
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline"
	}
	return "other"
}

// reportFailure returns the report of an error. only is the one server of the name, if there is one.
func reportFailure(err error, only *registry.Participant) *failureReport {
	r := &failureReport{Kind: failureKind(err), Text: err.Error()}
	var handler *service.HandlerError
	if errors.As(err, &handler) && (r.Kind == "handler" || r.Kind == "rejected") {
		r.Code, r.Text = handler.Code, handler.Text
		if len(handler.Value) > 0 {
			value := hex.EncodeToString(handler.Value)
			r.Value = &value
		}
	}
	var call *service.CallError
	if errors.As(err, &call) && call.Server.PID != 0 {
		only = &call.Server
	}
	if only != nil {
		r.Server = reportProcess(*only)
	}
	return r
}

// printFailure prints the row of a call or goal that has no result, in the forms that have rows for programs, and returns its error.
func (a *app) printFailure(row any, err error) error {
	if !a.JSON && !a.forms.csv {
		return err
	}
	if printed := a.row(row, nil); printed != nil {
		return fmt.Errorf("%w; %w", err, printed)
	}
	return err
}
