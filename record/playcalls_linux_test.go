package record

import (
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// recordedCalls records an answer, an error, a request without an answer, and a message on a topic.
func recordedCalls(t *testing.T) string {
	t.Helper()
	o := domain(t)
	robot, operator, p := join(t, o), join(t, o), join(t, o)
	planner(t, robot)
	client := caller(t, operator)
	odometer := publisher[string](t, operator, "odometer", nil)
	path := filepath.Join(t.TempDir(), "f.mcap")
	r := start(t, p, path, RecordOptions{Lossless: true})
	publish(t, odometer, "1")
	if _, err := client.Call(t.Context(), target{3}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Call(t.Context(), target{-1}); err == nil {
		t.Fatal("no error")
	}
	if err := client.Send(t.Context(), target{4}); err != nil {
		t.Fatal(err)
	}
	r.stop()
	return path
}

// served serves a name, takes down the requests, and answers as f says.
func served(t *testing.T, p *topic.Participant, name string, f func(int) error) (requests func() []int) {
	t.Helper()
	var mu sync.Mutex
	var got []int
	s, err := service.NewServer(t.Context(), p, name, func(_ context.Context, call *service.Call[target, string]) (string, error) {
		mu.Lock()
		got = append(got, call.Request().X)
		mu.Unlock()
		return "another", f(call.Request().X)
	}, &service.ServerOptions[target, string]{RequestCodec: jsonTarget, Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return func() []int {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
}

func asRecorded(x int) error {
	if x < 0 {
		return &service.HandlerError{Code: 7, Text: "negative"}
	}
	return nil
}

func TestPlay_Requests(t *testing.T) {
	path := recordedCalls(t)
	for name, c := range map[string]struct {
		answer   func(int) error
		want     ServiceSummary
		requests []int
	}{
		"as recorded": {asRecorded, ServiceSummary{Sent: 3, Answered: 2, Errors: 1}, []int{3, -1, 4}},
		"no error":    {func(int) error { return nil }, ServiceSummary{Sent: 3, Answered: 3}, []int{3, -1, 4}},
		"errors": {func(int) error { return errors.New("too far") },
			ServiceSummary{Sent: 3, Answered: 1, Errors: 2, Failed: 2, First: "too far"}, []int{3, -1, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			o := domain(t)
			robot, q := join(t, o), join(t, o)
			requests := served(t, robot, "robot/plan", c.answer)
			s, err := Play(t.Context(), q, path, &PlayOptions{Max: true, Requests: true})
			if err != nil || s.Messages != 1 || len(s.LeftOut) != 0 || s.Damage != nil {
				t.Fatalf("%+v, %v", s, err)
			}
			c.want.Service = "robot/plan"
			if diff := cmp.Diff([]ServiceSummary{c.want}, s.Services); diff != "" {
				t.Error(diff)
			}
			for deadline := time.Now().Add(time.Minute); len(requests()) < len(c.requests) && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond) // the last request has no response: play does not wait until the server takes it
			}
			if got := requests(); !slices.Equal(got, c.requests) {
				t.Errorf("the server got %v", got)
			}
		})
	}
}

func TestPlay_ServicesAreLeftOut(t *testing.T) {
	path := recordedCalls(t)
	for name, c := range map[string]struct {
		o       PlayOptions
		leftOut []string
	}{
		"default":  {PlayOptions{}, []string{"robot/plan"}},
		"excluded": {PlayOptions{Requests: true, Exclude: regexp.MustCompile("plan")}, nil},
	} {
		o := domain(t)
		robot, p := join(t, o), join(t, o)
		requests := served(t, robot, "robot/plan", asRecorded)
		c.o.Max = true
		s, err := Play(t.Context(), p, path, &c.o)
		if err != nil || s.Messages != 1 || len(s.Topics) != 1 || len(requests()) != 0 || !slices.Equal(s.LeftOut, c.leftOut) || len(s.Services) != 0 {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	v, err := Verify(t.Context(), path, &PlayOptions{Max: true})
	if err != nil || !v.Difference.Equal {
		t.Errorf("%+v, %v", v.Difference, err)
	}
}

func TestPlay_RequestsWithoutAServer(t *testing.T) {
	path := recordedCalls(t)
	s, err := Play(t.Context(), join(t, domain(t)), path, &PlayOptions{Max: true, Requests: true})
	if err != nil || len(s.Services) != 1 || s.Services[0].Failed != 3 || s.Services[0].Sent != 0 {
		t.Errorf("%+v, %v", s.Services, err)
	} else if first := s.Services[0].First; !strings.Contains(first, "--wait-subscribers 1") || strings.Contains(first, "option") {
		t.Errorf("the remedy is not one of a replay: %s", first)
	}
	o := PlayOptions{Max: true, Requests: true, WaitSubscribers: 1, WaitTimeout: time.Millisecond, Exclude: regexp.MustCompile("odometer")}
	if _, err := Play(t.Context(), join(t, domain(t)), path, &o); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waited for a server: %v", err)
	}
}

func TestPlay_RequestsOfAnotherType(t *testing.T) {
	path := recordedCalls(t)
	o := domain(t)
	robot := join(t, o)
	s, err := service.NewServer(t.Context(), robot, "robot/plan", func(context.Context, *service.Call[int, int]) (int, error) { return 0, nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var mismatch *topic.TypeMismatchError
	if _, err := Play(t.Context(), join(t, o), path, &PlayOptions{Max: true, Requests: true}); !errors.As(err, &mismatch) {
		t.Errorf("got %v", err)
	}
}

// A call that the client cancelled is cancelled again, at its time.
func TestPlay_CancelledCalls(t *testing.T) {
	o := domain(t)
	robot, operator, p := join(t, o), join(t, o), join(t, o)
	running := make(chan struct{}, 16)
	server, err := service.NewServer(t.Context(), robot, "wait", func(ctx context.Context, _ *service.Call[int, int]) (int, error) {
		running <- struct{}{}
		<-ctx.Done()
		return 0, ctx.Err()
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := service.NewClient[int, int](t.Context(), operator, "wait", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	path := filepath.Join(t.TempDir(), "f.mcap")
	r := start(t, p, path, RecordOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-running
		cancel()
	}()
	if _, err := client.Call(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	r.stop()
	s, err := Play(t.Context(), p, path, &PlayOptions{Requests: true})
	want := []ServiceSummary{{Service: "wait", Sent: 1, Cancelled: 1}}
	if diff := cmp.Diff(want, s.Services, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("%s%v", diff, err)
	}
}

// A server that does not answer holds up the end of a replay for the timeout only.
func TestPlay_RequestsWithoutAnswers(t *testing.T) {
	path := recordedCalls(t)
	o := domain(t)
	robot := join(t, o)
	s, err := service.NewServer(t.Context(), robot, "robot/plan", func(ctx context.Context, _ *service.Call[target, string]) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}, &service.ServerOptions[target, string]{RequestCodec: jsonTarget})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	played, err := Play(t.Context(), join(t, o), path, &PlayOptions{Max: true, Requests: true, CallTimeout: 50 * time.Millisecond})
	if err != nil || len(played.Services) != 1 || played.Services[0].Failed != 2 || played.Services[0].Sent != 3 || played.Services[0].Answered != 1 {
		t.Errorf("%+v, %v", played.Services, err)
	}
}

// From a start in the middle, by the index of the file, only later requests are sent; in each pass of a loop.
func TestPlay_RequestsOfAPart(t *testing.T) {
	path := recordedCalls(t)
	all := messages(t, path)
	at := time.Duration(all[len(all)-1].LogTime - all[0].LogTime)
	o := domain(t)
	robot := join(t, o)
	requests := served(t, robot, "robot/plan", asRecorded)
	s, err := Play(t.Context(), join(t, o), path, &PlayOptions{Max: true, Requests: true, StartElapsed: at})
	if err != nil || len(s.Services) != 1 || s.Services[0].Sent != 1 || s.Services[0].Failed != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for len(requests()) < 8 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := Play(ctx, join(t, o), path, &PlayOptions{Max: true, Loop: true, Requests: true, Exclude: regexp.MustCompile("odometer")}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := requests(); !slices.Equal(got[:8], []int{4, 3, -1, 4, 3, -1, 4, 3}) {
		t.Errorf("the server got %v", got)
	}
}

// A goal that ends as cancelled again counts as cancelled.
func TestPlay_CancelledGoals(t *testing.T) {
	o := domain(t)
	robot, operator, p := join(t, o), join(t, o), join(t, o)
	server, err := goal.NewServer(t.Context(), robot, "wait", func(ctx context.Context, _ *goal.Goal[target, int]) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}, &goal.ServerOptions[target, int, string]{GoalCodec: jsonTarget})
	must(t, err)
	defer server.Close()
	client, err := goal.NewClient(t.Context(), operator, "wait", &goal.ClientOptions[target, int, string]{GoalCodec: jsonTarget})
	must(t, err)
	defer client.Close()
	path := filepath.Join(t.TempDir(), "f.mcap")
	r := start(t, p, path, RecordOptions{})
	h, err := client.Start(t.Context(), target{3})
	must(t, err)
	must(t, h.Cancel(t.Context()))
	if _, err := h.Result(t.Context()); !errors.Is(err, goal.ErrCancelled) {
		t.Fatal(err)
	}
	r.stop()
	s, err := Play(t.Context(), p, path, &PlayOptions{Requests: true})
	if err != nil || len(s.Services) != 1 || s.Services[0].Cancelled != 1 || s.Services[0].Failed != 0 {
		t.Errorf("%+v, %v", s.Services, err)
	}
}
