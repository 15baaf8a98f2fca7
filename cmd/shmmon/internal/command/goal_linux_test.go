package command

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// A goal that goes on after the timeout is named, with what became of the cancel and the command that looks again.
func TestGoal_StillRunsAfterItsTimeout(t *testing.T) {
	p, err := topic.Join(&topic.Options{Dir: t.TempDir(), Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var refusal atomic.Pointer[error] // the request to cancel comes through shared memory, which orders nothing for the race detector
	refusal.Store(new(error))
	end := make(chan struct{})
	server, err := goal.NewServer(t.Context(), p, "robot/move", func(context.Context, *goal.Goal[string, string]) (string, error) {
		<-end
		return "there", nil
	}, &goal.ServerOptions[string, string, string]{AllowCancel: func(context.Context, *goal.Goal[string, string]) error { return *refusal.Load() }})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	defer close(end)
	text := serde.Opaque(serde.Default[string]().Type())
	client, err := goal.NewClient(t.Context(), p, "robot/move", &goal.ClientOptions[[]byte, []byte, []byte]{GoalCodec: text, FeedbackCodec: text, ResultCodec: text})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	h, err := client.Start(t.Context(), []byte("45"))
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	for _, step := range []struct {
		refusal error
		find    bool
		kind    string
		want    []string
	}{
		{errors.New("the arm holds a glass"), false, "deadline", []string{"a cancel was asked for and not granted", "the arm holds a glass", "still runs after 20ms", "'shmmon goal robot/move --find " + h.ID().String() + "'"}},
		{nil, true, "deadline", []string{"goes on, unless"}},
		{nil, false, "deadline", []string{"the timeout is over: goal " + h.ID().String() + ` of "robot/move": a cancel was asked for and granted, and it still runs after 20ms; look again with`}},
	} {
		refusal.Store(&step.refusal)
		var out strings.Builder
		g := &goalRun{app: &app{App: &cli.App{Stdout: &out}}, target: target{name: "robot/move"}, find: step.find, grace: 20 * time.Millisecond, id: h.ID()}
		err := g.follow(t.Context(), over, h)
		for _, want := range step.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
		if kind := failureKind(err); kind != step.kind || g.ended || out.Len() > 0 {
			t.Errorf("%s, %v, %q", kind, g.ended, out.String())
		}
	}
}

// Each outcome has a kind of its own for scripts.
func TestFailureKinds(t *testing.T) {
	handler := &service.HandlerError{Code: 3, Text: "no", Value: []byte{1}}
	for want, err := range map[string]error{
		"cancelled":       goal.ErrCancelled,
		"lost":            goal.ErrLost,
		"unknown_goal":    goal.ErrUnknown,
		"rejected":        &goal.RejectedError{Reason: handler},
		"handler":         handler,
		"interrupted":     cli.ErrInterrupted,
		"request":         &requestError{errors.New("x")},
		"no_domain":       &noDomainError{"/d"},
		"type_mismatch":   &topic.TypeMismatchError{},
		"not_started":     &service.CallError{Err: service.ErrNotStarted},
		"outcome_unknown": &service.CallError{Err: service.ErrOutcomeUnknown},
		"busy":            service.ErrBusy,
		"no_server":       &noServiceError{},
		"deadline":        context.DeadlineExceeded,
		"other":           errors.New("x"),
	} {
		if got := failureKind(err); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
	if r := reportFailure(&goal.RejectedError{Reason: handler}, nil); r.Code != 3 || r.Text != "no" || *r.Value != "01" || r.Server != nil {
		t.Errorf("%+v", r)
	}
}
