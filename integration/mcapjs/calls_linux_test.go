package mcapjs

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

type target struct{ X int }

// askAndMove has a call answered, a call fail, and a goal done with feedback.
func askAndMove(ctx context.Context, t *testing.T, p *topic.Participant) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	planner, err := service.NewServer(ctx, p, "arm/plan", func(_ context.Context, call *service.Call[target, int]) (int, error) {
		if x := call.Request().X; x > 0 {
			return 2 * x, nil
		}
		return 0, &service.HandlerError{Code: 7, Text: "out of reach"}
	}, &service.ServerOptions[target, int]{RequestCodec: serde.JSON[target](), ResponseCodec: serde.JSON[int]()})
	must(err)
	defer planner.Close()
	plan, err := service.NewClient(ctx, p, "arm/plan", &service.ClientOptions[target, int]{RequestCodec: serde.JSON[target](), ResponseCodec: serde.JSON[int]()})
	must(err)
	defer plan.Close()
	_, err = plan.Call(ctx, target{3})
	must(err)
	if _, err := plan.Call(ctx, target{0}); !errors.As(err, new(*service.HandlerError)) {
		t.Fatal(err)
	}
	codecs := goal.ClientOptions[target, int, string]{GoalCodec: serde.JSON[target](), FeedbackCodec: serde.JSON[int](), ResultCodec: serde.JSON[string]()}
	mover, err := goal.NewServer(ctx, p, "arm/move", func(_ context.Context, g *goal.Goal[target, int]) (string, error) {
		return "there", g.Feedback(g.Value().X)
	}, &goal.ServerOptions[target, int, string]{GoalCodec: codecs.GoalCodec, FeedbackCodec: codecs.FeedbackCodec, ResultCodec: codecs.ResultCodec})
	must(err)
	defer mover.Close()
	move, err := goal.NewClient(ctx, p, "arm/move", &codecs)
	must(err)
	defer move.Close()
	h, err := move.Start(ctx, target{9})
	must(err)
	_, err = h.Result(ctx)
	must(err)
}

func TestRecordingOfCallsAndGoals_ReadByTheMCAPLibrary(t *testing.T) {
	path := recorded(t, func(ctx context.Context, p *topic.Participant) { askAndMove(ctx, t, p) })
	got := map[string][]string{}
	for line := range strings.Lines(runMessages(t, nil, "recording", path)) {
		var m struct {
			Topic, Name string
			Message     json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(m.Topic, "$service/")
		if m.Name != "shmbus.Call" {
			got[name] = append(got[name], string(m.Message))
			continue
		}
		var c struct{ Kind, Error, Operation, State, Value string }
		if err := json.Unmarshal(m.Message, &c); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(slices.DeleteFunc([]string{c.Kind, c.Operation, c.State, c.Error}, func(s string) bool { return s == "" }), " ")
		if with := []string{"call", "response", "stream start", "item succeeded"}; c.Value == "" && slices.Contains(with, text) || c.Value != "" && c.Kind == "error" {
			t.Errorf("%s names the value %q", text, c.Value)
		}
		got[name] = append(got[name], text)
	}
	if calls := got["arm/move/calls"]; !slices.Contains(calls, "stream start") || !slices.Contains(calls, "item succeeded") {
		t.Errorf("%q", calls)
	}
	delete(got, "arm/move/calls") // how often the state comes depends on time
	want := map[string][]string{
		"arm/plan/calls": {"call", "response", "call", "error out of reach"}, "arm/plan/request": {`{"X":3}`, `{"X":0}`}, "arm/plan/response": {"6"},
		"arm/move/request": {`{"X":9}`}, "arm/move/feedback": {"9"}, "arm/move/response": {`"there"`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	roles := map[string]string{}
	for name, topic := range check(t, path).Index.Topics {
		if service := topic.Metadata["shmbus.service"]; service != "" {
			roles[service+" "+topic.Metadata["shmbus.service_role"]] = name
		}
	}
	if _, ok := roles["arm/move feedback"]; len(roles) != 7 || !ok {
		t.Errorf("channels of services: %q", slices.Sorted(maps.Keys(roles)))
	}
}
