package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// A target is a request with fields.
type target struct{ X int }

var jsonTarget = serde.JSON[target]()

// planner serves "robot/plan": the double of a target, or an error for a negative one.
func planner(t testing.TB, p *topic.Participant) {
	t.Helper()
	s, err := service.NewServer(t.Context(), p, "robot/plan", func(_ context.Context, call *service.Call[target, string]) (string, error) {
		if x := call.Request().X; x < 0 {
			return "", &service.HandlerError{Code: 7, Text: "negative", Value: []byte{1}}
		}
		return fmt.Sprint(2 * call.Request().X), nil
	}, &service.ServerOptions[target, string]{RequestCodec: jsonTarget})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
}

func caller(t testing.TB, p *topic.Participant) *service.Client[target, string] {
	t.Helper()
	c, err := service.NewClient(t.Context(), p, "robot/plan", &service.ClientOptions[target, string]{RequestCodec: jsonTarget})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// calls reads the messages of a service in a recording, as "kind: error value".
func calls(t testing.TB, path, name string) (lines []string, all []CallMessage) {
	t.Helper()
	pairs := newCallPairer()
	for _, m := range messages(t, path) {
		if m.Channel.Metadata[keyService] != name {
			continue
		}
		c, value, err := pairs.take(&m)
		if err != nil {
			t.Fatal(err)
		}
		if c == nil {
			continue
		}
		line := c.outcome()
		if value != nil {
			if value.LogTime != m.LogTime || value.Channel.Topic != "$service/"+name+"/"+value.Channel.Metadata[keyRole] {
				t.Errorf("%+v has the value %+v", c, value)
			}
			line += fmt.Sprintf(" %s %s", value.Channel.Encoding, value.Data)
		}
		lines, all = append(lines, line), append(all, *c)
	}
	if len(pairs.waiting) > 0 {
		t.Errorf("%d values are missing", len(pairs.waiting))
	}
	return lines, all
}

func TestRecord_Calls(t *testing.T) {
	o := domain(t)
	o.Unit = "the unit"
	robot, operator, p := join(t, o), join(t, o), join(t, o)
	planner(t, robot)
	client := caller(t, operator)
	path := filepath.Join(t.TempDir(), "f.mcap")
	r := start(t, p, path, RecordOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if answer, err := client.Call(ctx, target{3}); err != nil || answer != "6" {
		t.Fatal(answer, err)
	}
	var failure *service.HandlerError
	if _, err := client.Call(t.Context(), target{-1}); !errors.As(err, &failure) {
		t.Fatal(err)
	}
	if err := client.Send(t.Context(), target{4}); err != nil {
		t.Fatal(err)
	}
	s := r.stop()

	lines, all := calls(t, path, "robot/plan")
	want := []string{`call json {"X":3}`, "response string 6", `call json {"X":-1}`, "error 7: negative", `send json {"X":4}`}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Fatal(diff)
	}
	for i, c := range all {
		if c.Unit != "the unit" || c.PID == 0 || c.Executable == "" || c.Client != all[0].Client || c.Sequence == 0 {
			t.Errorf("message %d: %+v", i, c)
		}
	}
	if all[0].Number != all[1].Number || all[2].Number != all[3].Number || all[0].Number == all[2].Number || !slices.Equal(all[3].ErrorValue, []byte{1}) {
		t.Errorf("%+v", all)
	}
	if all[0].Timeout <= 50*time.Second || all[0].Timeout > time.Minute || all[2].Timeout != 0 {
		t.Errorf("timeouts %v and %v", all[0].Timeout, all[2].Timeout)
	}
	if s.Lost != 0 || s.Messages != 9 || len(s.Topics) != 3 || s.Topics[0].Topic != "$service/robot/plan/calls" || s.Topics[0].Messages != 5 {
		t.Errorf("%+v", s)
	}
	info, err := ReadInfo(path)
	if err != nil || info.SequenceGaps != 0 || info.Damage != "" {
		t.Errorf("%d gaps, %q, %v", info.SequenceGaps, info.Damage, err)
	}
}

func TestRecord_StreamsAndCancellations(t *testing.T) {
	o := domain(t)
	robot, operator, p := join(t, o), join(t, o), join(t, o)
	cancelled := make(chan struct{})
	server, err := service.NewStreamServer(t.Context(), robot, "count", func(ctx context.Context, call *service.Call[int, int]) error {
		for i := range call.Request() {
			if err := call.Send(ctx, i); err != nil {
				return err
			}
		}
		if call.Request() == 1 {
			<-ctx.Done()
			close(cancelled)
			return ctx.Err()
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := service.NewClient[int, int](t.Context(), operator, "count", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	path := filepath.Join(t.TempDir(), "f.mcap")
	r := start(t, p, path, RecordOptions{})
	for n, err := range client.Stream(t.Context(), 2) {
		if err != nil {
			t.Fatal(n, err)
		}
	}
	for range client.Stream(t.Context(), 1) {
		break
	}
	<-cancelled
	r.stop()
	lines, all := calls(t, path, "count")
	want := "stream msgpack \x02|item msgpack \x00|item msgpack \x01|end|stream msgpack \x01|item msgpack \x00|cancel"
	if got := strings.Join(lines, "|"); !strings.HasPrefix(got, want) {
		t.Fatalf("recorded %q", got)
	}
	if last := all[6]; last.Client != all[4].Client || last.Number != all[4].Number {
		t.Errorf("cancelled %+v, called %+v", last, all[4])
	}
}

func TestRecord_ServicesAreSelectedByName(t *testing.T) {
	for name, c := range map[string]struct {
		o    RecordOptions
		want int
	}{
		"all":          {RecordOptions{}, 2},
		"none":         {RecordOptions{NoServices: true}, 0},
		"include":      {RecordOptions{Include: regexp.MustCompile("^robot/")}, 2},
		"not included": {RecordOptions{Include: regexp.MustCompile("^arm/")}, 0},
		"one":          {RecordOptions{Topics: []string{"robot/plan"}}, 2},
		"exclude":      {RecordOptions{Exclude: regexp.MustCompile("plan$")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := domain(t)
			robot, p := join(t, o), join(t, o)
			planner(t, robot)
			client := caller(t, robot)
			path := filepath.Join(t.TempDir(), "f.mcap")
			r := start(t, p, path, c.o)
			if _, err := client.Call(t.Context(), target{1}); err != nil {
				t.Fatal(err)
			}
			r.stop()
			if lines, _ := calls(t, path, "robot/plan"); len(lines) != c.want {
				t.Errorf("recorded %q", lines)
			}
		})
	}
}

// Other processes may publish anything on the topics of a service.
func TestRecord_NoMessagesOfAService(t *testing.T) {
	o := domain(t)
	sender, p := join(t, o), join(t, o)
	path := filepath.Join(t.TempDir(), "f.mcap")
	r := start(t, p, path, RecordOptions{})
	kind := serde.Opaque(serde.Type{Encoding: "call+json"})
	response := publisher(t, sender, "$service/x/response/y", &topic.PublisherOptions[[]byte]{Codec: kind})
	publish(t, response, []byte("short"), make([]byte, 32), slices.Concat(make([]byte, 16), []byte{1, 0, 0, 0}, make([]byte, 12)),
		slices.Concat(make([]byte, 16), []byte{7, 0, 0, 0}, make([]byte, 12), []byte{255, 0, 0, 0}))
	publish(t, publisher(t, sender, "$service/x/control/y", &topic.PublisherOptions[[]byte]{Codec: kind}), []byte("short"))
	s := r.stop()
	if s.Messages != 0 || s.Lost != 4 {
		t.Errorf("%d recorded, %d lost", s.Messages, s.Lost)
	}
	messages(t, path)
}

func TestCallPairer(t *testing.T) {
	channel := func(role string) *mcapfile.Channel {
		return &mcapfile.Channel{Topic: role, Metadata: map[string]string{keyService: "s", keyRole: role, keyStream: "a.1"}}
	}
	call := func(c CallMessage) []byte {
		js, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return js
	}
	p := newCallPairer()
	if _, _, err := p.take(&mcapfile.Message{Channel: channel(roleRequest), Sequence: 5}); err == nil {
		t.Error("a value without a call")
	}
	if _, _, err := p.take(&mcapfile.Message{Channel: channel(roleCalls), Data: []byte("{")}); err == nil {
		t.Error("no JSON")
	}
	for i := range maxWaitingValues + 1 {
		_, _, err := p.take(&mcapfile.Message{Channel: channel(roleCalls), Data: call(CallMessage{Kind: "call", Number: uint64(i), Value: fmt.Sprintf("a.1:%d", i)})})
		if (err != nil) != (i == maxWaitingValues) {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	if len(p.waiting) != 1 {
		t.Errorf("%d values are waited for", len(p.waiting))
	}
	c, m, err := p.take(&mcapfile.Message{Channel: channel(roleRequest), Sequence: maxWaitingValues})
	if err != nil || c == nil || c.Number != maxWaitingValues || m == nil {
		t.Error(c, m, err)
	}
}

// mover serves goals: a feedback, and where the goal ended, or an error for a negative one.
func mover(t testing.TB, p *topic.Participant, ids *[]goal.ID) {
	t.Helper()
	s, err := goal.NewServer(t.Context(), p, "robot/move", func(_ context.Context, g *goal.Goal[target, int]) (string, error) {
		if *ids = append(*ids, g.ID()); g.Value().X < 0 {
			return "", errors.New("blocked")
		}
		return "there", g.Feedback(g.Value().X)
	}, &goal.ServerOptions[target, int, string]{GoalCodec: jsonTarget, FeedbackCodec: serde.JSON[int](), ResultCodec: serde.JSON[string]()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
}

func TestGoals_RecordedAndSentAgain(t *testing.T) {
	o := domain(t)
	robot, operator, p := join(t, o), join(t, o), join(t, o)
	var ids []goal.ID
	mover(t, robot, &ids)
	client, err := goal.NewClient(t.Context(), operator, "robot/move", &goal.ClientOptions[target, int, string]{
		GoalCodec: jsonTarget, FeedbackCodec: serde.JSON[int](), ResultCodec: serde.JSON[string](),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	path, again := filepath.Join(t.TempDir(), "f.mcap"), filepath.Join(t.TempDir(), "again.mcap")
	r := start(t, p, path, RecordOptions{})
	for _, x := range []int{9, -1} {
		h, err := client.Start(t.Context(), target{x})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Result(t.Context()); (err != nil) != (x < 0) {
			t.Fatal(err)
		}
	}
	r.stop()
	r = start(t, p, again, RecordOptions{})
	s, err := Play(t.Context(), join(t, o), path, &PlayOptions{Requests: true})
	if err != nil || len(s.Services) != 1 || s.Services[0].Failed != 0 || s.Services[0].Sent < 2 || s.Damage != nil {
		t.Errorf("%+v, %v", s, err)
	}
	r.stop()
	if len(ids) != 4 || ids[0] == ids[2] || ids[1] == ids[3] {
		t.Errorf("goals %v", ids)
	}
	for i, path := range []string{path, again} {
		lines, all := calls(t, path, "robot/move")
		for _, want := range []string{`stream start json {"X":9}`, "item succeeded json \"there\"", `stream start json {"X":-1}`, "item failed: blocked"} {
			if !slices.Contains(lines, want) {
				t.Errorf("recording %d: %q is not in %q", i, want, lines)
			}
		}
		if all[0].Goal != ids[2*i].String() {
			t.Errorf("recording %d: %+v", i, all[0])
		}
	}
	if d, err := Compare(path, again); err != nil || !d.Equal {
		t.Errorf("%+v, %v", d, err)
	}
}
