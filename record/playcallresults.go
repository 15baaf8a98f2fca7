package record

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/shmbus/shmbus/service"
)

// A ServiceSummary is the part of a Summary that concerns the requests to one service.
type ServiceSummary struct {
	Service string `json:"service"`
	// SentTo is the service that got the requests, if it is another one: one with the participant in its name, of the same Unit.
	SentTo    string `json:"sent_to,omitempty"`
	Unit      string `json:"unit,omitempty"`
	Sent      uint64 `json:"sent"`
	Answered  uint64 `json:"answered"`  // with a response, a stream that ended, or nothing if the request has none
	Errors    uint64 `json:"errors"`    // with an error of the handler
	Cancelled uint64 `json:"cancelled"` // as in the recording
	// Failed counts the requests whose answer is an error that the recording does not have, or that have no answer; some were not sent.
	Failed uint64 `json:"failed"`
	First  string `json:"first_failure,omitempty"`
}

// count enters the end of a call into the summary. Called with the player's mu held.
func (call *playedCall) count() {
	s := &call.service.summary
	var handler *service.HandlerError
	isHandler := errors.As(call.err, &handler)
	switch {
	case call.err == nil && call.goalCancelled && call.recordedCancelled:
		s.Cancelled++
	case call.err == nil:
		s.Answered++
	case isHandler:
		s.Errors++
		if again := (&CallMessage{Kind: service.KindError.String(), Code: handler.Code, Error: handler.Text}).outcome(); again != call.recorded {
			s.fail(call.err)
		}
	case call.recorded == kindCancel && call.items >= call.recordedItems && errors.Is(call.err, context.Canceled):
		s.Cancelled++
	default:
		s.fail(call.err)
	}
}

// fail counts a request that failed.
func (s *ServiceSummary) fail(err error) {
	if s.Failed++; s.First == "" {
		s.First = withRemedy(err).Error()
	}
}

// withRemedy replaces the remedies of a client, which are options that a replay does not have.
func withRemedy(err error) error {
	call := new(service.CallError)
	if !errors.As(err, &call) {
		return err
	}
	again := *call
	switch {
	case errors.Is(err, service.ErrNoServer) && call.Server.PID == 0:
		again.Detail = "start one before the replay, or wait for it with WaitSubscribers, or --wait-subscribers 1"
	case errors.Is(err, service.ErrBusy):
		again.Detail = "wait for it longer with CallTimeout, or --call-timeout"
	default:
		return err
	}
	return &again
}

// summaries are sorted by name.
func (c *callPlayer) summaries() (all []ServiceSummary) {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(c.services)) {
		all = append(all, c.services[name].summary)
	}
	return all
}
