package goal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

func join(t testing.TB, dir string) *topic.Participant {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

type (
	options = goal.ServerOptions[string, int, string]
	running = *goal.Goal[string, int]
	handle  = *goal.Handle[int, string]
	client  = *goal.Client[string, int, string]
)

// A script is a handler that the test directs. It tells when it began with a goal and does then what it is told for that goal.
type script struct {
	began chan running
	steps chan func(context.Context, running) (string, error)
}

// await waits for a handler that begins.
func (s script) await(t *testing.T, want goal.ID) running {
	t.Helper()
	g := <-s.began
	if g.ID() != want {
		t.Fatalf("goal %v began, want %v", g.ID(), want)
	}
	return g
}

// end has a handler return.
func (s script) end(result string, err error) {
	s.steps <- func(context.Context, running) (string, error) { return result, err }
}

// untilCancelled has a handler return when its context has ended, and sends the cause.
func (s script) untilCancelled(result string) <-chan error {
	cause := make(chan error, 1)
	s.steps <- func(ctx context.Context, _ running) (string, error) {
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return result, ctx.Err()
	}
	return cause
}

func serve(t *testing.T, dir string, opts *options) (*goal.Server[string, int, string], script) {
	t.Helper()
	s := script{make(chan running, 100), make(chan func(context.Context, running) (string, error), 100)}
	server, err := goal.NewServer(t.Context(), join(t, dir), "arm/move", func(ctx context.Context, g running) (string, error) {
		s.began <- g
		return (<-s.steps)(ctx, g)
	}, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server, s
}

func connect(t *testing.T, dir string) client {
	t.Helper()
	c, err := goal.NewClient[string, int, string](t.Context(), join(t, dir), "arm/move", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func start(t *testing.T, c client, v string) handle {
	t.Helper()
	h, err := c.Start(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// wantEnd waits for the end of a goal.
func wantEnd(t *testing.T, h handle, state goal.State, result string, is error) {
	t.Helper()
	got, err := h.Result(t.Context())
	if h.State() != state || got != result || !errors.Is(err, is) {
		t.Fatalf("it ended as %v with %q, %v; want %v with %q, %v", h.State(), got, err, state, result, is)
	}
}

func TestSucceeded(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, nil)
	c := connect(t, dir)
	h := start(t, c, "left")
	if g := s.await(t, h.ID()); g.Value() != "left" || g.Caller().PID != os.Getpid() {
		t.Fatalf("the goal is %q of pid %d", g.Value(), g.Caller().PID)
	}
	s.end("there", nil)
	wantEnd(t, h, goal.Succeeded, "there", nil)
	wantEnd(t, h, goal.Succeeded, "there", nil) // the handle has it still
}

func TestStates(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, nil)
	c := connect(t, dir)
	first := start(t, c, "1")
	second := start(t, c, "2")
	s.await(t, first.ID())
	if state := second.State(); state != goal.Accepted {
		t.Fatalf("the second goal is %v", state)
	}
	s.end("", nil)
	s.await(t, second.ID())
	s.steps <- func(_ context.Context, g running) (string, error) { return "", g.Feedback(7) }
	for v, err := range second.Feedback(t.Context()) {
		if v != 7 || err != nil || second.State() < goal.Running {
			t.Fatal(v, err, second.State())
		}
	}
	wantEnd(t, first, goal.Succeeded, "", nil)
	wantEnd(t, second, goal.Succeeded, "", nil)
}

func TestFailed(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, nil)
	c := connect(t, dir)
	h := start(t, c, "")
	s.end("not sent", &service.HandlerError{Code: 3, Text: "a joint is stuck", Value: []byte("elbow")})
	var e *service.HandlerError
	if v, err := h.Result(t.Context()); v != "" || !errors.As(err, &e) || e.Code != 3 || e.Text != "a joint is stuck" || string(e.Value) != "elbow" || h.State() != goal.Failed {
		t.Fatalf("%q, %v, %v", v, err, h.State())
	}
	h = start(t, c, "")
	s.end("", errors.New("no power"))
	if _, err := h.Result(t.Context()); err == nil || err.Error() != "no power" {
		t.Fatal(err)
	}
	h = start(t, c, "")
	s.end("", context.Canceled) // without a cancel
	if _, err := h.Result(t.Context()); errors.Is(err, goal.ErrCancelled) || h.State() != goal.Failed {
		t.Fatal(err, h.State())
	}
}

func TestRejected(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, &options{MaxGoals: 1, Admit: func(_ context.Context, g running) error {
		if g.Value() == "bad" {
			return &service.HandlerError{Code: 9, Text: "out of reach"}
		}
		return nil
	}})
	c := connect(t, dir)
	var rejected *goal.RejectedError
	if _, err := c.Start(t.Context(), "bad"); !errors.As(err, &rejected) || rejected.Reason.Code != 9 || rejected.Reason.Text != "out of reach" || rejected.Service != "arm/move" {
		t.Fatal(err)
	}
	h := start(t, c, "good") // what was rejected takes no place
	s.await(t, h.ID())
	if _, err := c.Start(t.Context(), "more"); !errors.As(err, &rejected) {
		t.Fatalf("beyond the limit: %v", err)
	}
	if _, err := c.StartWithID(t.Context(), h.ID(), "again"); !errors.As(err, &rejected) {
		t.Fatalf("an id twice: %v", err)
	}
	s.end("", nil)
	wantEnd(t, h, goal.Succeeded, "", nil)
}

// A goal that ends before its client asks for anything, many times.
func TestEndsAtOnce(t *testing.T) {
	dir := t.TempDir()
	server, err := goal.NewServer(t.Context(), join(t, dir), "arm/move", func(_ context.Context, g running) (string, error) {
		return g.Value(), g.Feedback(1)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c := connect(t, dir)
	for i := range 200 {
		want := fmt.Sprint(i)
		wantEnd(t, start(t, c, want), goal.Succeeded, want, nil)
	}
}

func TestServerOptions(t *testing.T) {
	p := join(t, t.TempDir())
	for _, o := range []options{{Concurrency: -1}, {MaxGoals: -1}, {MaxResults: -1}, {KeepResult: -1}, {SendTimeout: -1}, {MaxPayload: -1}} {
		if _, err := goal.NewServer(t.Context(), p, "arm", func(context.Context, running) (string, error) { return "", nil }, &o); err == nil {
			t.Errorf("%+v is allowed", o)
		}
	}
	if _, err := goal.NewServer[int, int, int](t.Context(), p, "arm", nil, nil); err == nil {
		t.Error("a nil handler is allowed")
	}
	for _, n := range []int{-1, 471} {
		if _, err := goal.NewClient(t.Context(), p, "arm", &goal.ClientOptions[int, int, int]{MaxGoals: n}); err == nil {
			t.Errorf("MaxGoals %d is allowed", n)
		}
	}
	if _, err := goal.NewClient[int, int, struct{ hidden int }](t.Context(), p, "arm", nil); err == nil {
		t.Error("a result that cannot be encoded is allowed")
	}
}

func TestTypesDiffer(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, nil)
	p := join(t, dir)
	var mismatch *topic.TypeMismatchError
	for want, err := range map[string]error{
		`requests: .* has goals of int in encoding "msgpack", the server .* has goals of string in encoding "string"; give`:  second(goal.NewClient[int, int, string](t.Context(), p, "arm/move", nil)),
		`responses: .* has feedback and results .*: feedback: the server has "int" in "msgpack", this client "bool" in "msg`: second(goal.NewClient[string, bool, string](t.Context(), p, "arm/move", nil)),
		`responses: .* has feedback and results .*: result: the server has "string" in "string", this client "bool" in "ms`:  second(goal.NewClient[string, int, bool](t.Context(), p, "arm/move", nil)),
		`requests: .* has string in encoding "string", the server .* has goals of string in encoding "string"; give`:         second(service.NewClient[string, string](t.Context(), p, "arm/move", nil)),
	} {
		if !errors.As(err, &mismatch) || !regexp.MustCompile(`^call "arm/move": `+want).MatchString(err.Error()) || strings.Contains(err.Error(), "topic") {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
	servers, err := service.Find(t.Context(), p, "**")
	if err != nil || len(servers) != 1 {
		t.Fatal(servers, err)
	}
	if limits := servers[0].Goals; limits != (service.GoalLimits{Concurrency: 1, MaxGoals: 16}) {
		t.Errorf("it announces %+v", limits)
	}
	types, ok := goal.TypesOf(servers[0].Description)
	if !ok || types.Goal.Encoding != "string" || types.Feedback.Name != "int" || types.Result.Encoding != "string" {
		t.Errorf("%+v, %v", types, ok)
	}
}

func second[T any](_ T, err error) error { return err }
