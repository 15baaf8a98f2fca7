package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record/control"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

// A controlled replay is paused before its first message.
type controlled struct {
	*PlayControl
	t      *testing.T
	p      *topic.Participant
	sub    *topic.Subscriber[[]byte]
	played chan error
	result Summary
}

func controlledPlay(t *testing.T, path string, o PlayOptions) *controlled {
	t.Helper()
	d := domain(t)
	c := &controlled{PlayControl: new(PlayControl), t: t, p: join(t, d), played: make(chan error, 1)}
	var err error
	if c.sub, err = topic.NewSubscriber(t.Context(), c.p, "**", &topic.SubscriberOptions[[]byte]{Lossless: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.sub.Close() })
	c.Pause()
	o.Control, o.WaitSubscribers = c.PlayControl, max(o.WaitSubscribers, 1)
	player := join(t, d)
	go func() {
		var err error
		c.result, err = Play(t.Context(), player, path, &o)
		c.played <- err
	}()
	return c
}

// received waits for n messages and returns all that were published and not received so far, in the order of publishing.
func (c *controlled) received(n int) string {
	c.t.Helper()
	type sample struct {
		stamp topic.Stamp
		data  string
	}
	var all []sample
	for {
		s, ok, err := c.sub.TryReceive()
		if !ok && err == nil && len(all) < n {
			s, err = c.sub.Receive(c.t.Context())
			ok = true
		}
		if err != nil {
			c.t.Fatal(err)
		}
		if !ok {
			break
		}
		all = append(all, sample{s.Stamp(), string(s.Bytes())})
		s.Release()
	}
	slices.SortFunc(all, func(a, b sample) int { return int(a.stamp - b.stamp) })
	got := ""
	for _, s := range all {
		got += s.data
	}
	return got
}

func (c *controlled) step(n int, topic, want string) {
	c.t.Helper()
	if err := c.Step(c.t.Context(), n, topic); err != nil {
		c.t.Fatal(err)
	}
	if got := c.received(len(want)); got != want {
		c.t.Errorf("%d steps on %q publish %q, want %q", n, topic, got, want)
	}
}

func (c *controlled) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// An hour lies between two messages: nothing but commands makes progress.
func TestPlayControl(t *testing.T) {
	clock, camera := &mcapfile.Channel{Topic: "clock"}, &mcapfile.Channel{Topic: "camera"}
	mode := &mcapfile.Channel{Topic: "mode", Metadata: map[string]string{keyLatched: "true"}}
	c := controlledPlay(t, fileOf(t, []line{
		{mode, 1 * hour, "M"}, {clock, 2 * hour, "1"}, {camera, 3 * hour, "A"}, {clock, 4 * hour, "2"}, {mode, 5 * hour, "N"}, {camera, 6 * hour, "B"}, {clock, 7 * hour, "3"},
	}, nil), PlayOptions{})
	c.step(1, "", "M")
	c.step(1, "camera", "1A")
	c.step(2, "", "2N")
	if s := c.Status(); s.State != PlayPaused || s.Messages != 5 || s.Position != 4*time.Hour || s.Length != 6*time.Hour || s.Rate != 1 {
		t.Errorf("%+v", s)
	}
	if got := latchedNow(t, c.p, "mode"); !slices.Equal(got, []string{"N"}) {
		t.Errorf("before the seek a late subscription gets %q", got)
	}
	c.must(c.SeekBy(t.Context(), -2*time.Hour)) // to the third hour
	if got := c.received(1); got != "M" {
		t.Errorf("the seek publishes %q", got)
	}
	if got := latchedNow(t, c.p, "mode"); !slices.Equal(got, []string{"M"}) {
		t.Errorf("after the seek a late subscription gets %q", got)
	}
	c.step(1, "", "A")
	c.must(c.SeekElapsed(t.Context(), 5*time.Hour))
	if got := latchedNow(t, c.p, "mode"); !slices.Equal(got, []string{"N"}) {
		t.Errorf("after the seek ahead a late subscription gets %q", got)
	}
	if got := c.received(1); got != "N" {
		t.Errorf("the seek ahead publishes %q", got)
	}
	c.step(1, "", "B")
	c.must(c.Seek(t.Context(), time.Unix(0, 0)))
	c.step(2, "", "M1")
	c.must(c.SetRate(math.Inf(1)))
	c.Resume()
	if err := <-c.played; err != nil || c.result.Messages == 0 {
		t.Errorf("%+v, %v", c.result, err)
	}
	if got := c.received(5); got != "A2NB3" {
		t.Errorf("at the maximum rate it publishes %q", got)
	}
	if err := c.Step(t.Context(), 1, ""); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if s := c.Status(); s.State != PlayEnded {
		t.Errorf("%+v", s)
	}
}

func TestPlayControl_StopAndErrors(t *testing.T) {
	c := controlledPlay(t, fileOf(t, []line{{&mcapfile.Channel{Topic: "t"}, 0, "1"}, {&mcapfile.Channel{Topic: "t"}, hour, "2"}}, nil), PlayOptions{Loop: true})
	c.step(1, "", "1")
	if c.Step(t.Context(), 0, "") == nil || c.SetRate(0) == nil || c.SetRate(math.NaN()) == nil {
		t.Error("a step of 0 messages or a rate that is none is no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Step(ctx, 1, "nothing is on this topic"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := c.received(0); got != "" {
		t.Errorf("the step that was withdrawn publishes %q", got)
	}
	c.step(1, "", "2")
	c.Stop()
	if err := <-c.played; err != nil {
		t.Error(err)
	}
}

// The rate also holds for the rest of a pass after its last message, an hour here, and for the passes after it.
func TestPlayControl_RateOfLaterPasses(t *testing.T) {
	path := fileOf(t, []line{{&mcapfile.Channel{Topic: "t"}, 0, "1"}, {&mcapfile.Channel{Topic: "u"}, hour, "2"}}, nil)
	c := controlledPlay(t, path, PlayOptions{Loop: true, Topics: regexp.MustCompile("^t$")})
	c.Resume()
	if got := c.received(1); got != "1" {
		t.Fatal(got)
	}
	c.must(c.SetRate(36000))
	for begin := time.Now(); c.Status().Passes < 3; time.Sleep(time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatalf("%+v", c.Status())
		}
	}
	if s := c.Status(); s.Rate != 36000 {
		t.Errorf("%+v", s)
	}
	c.Stop()
	if err := <-c.played; err != nil {
		t.Error(err)
	}
}

// A seek that is requested when a replay ends is refused, and does not wait for its own context.
func TestPlayControl_SeekAtTheEnd(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ctx := range map[string]context.Context{"stop": t.Context(), "the end of the context": over} {
		c, sought := new(PlayControl), make(chan error, 1)
		if name == "stop" {
			c.Stop()
		}
		go func() { sought <- c.SeekElapsed(t.Context(), 0) }()
		for requested := false; !requested; time.Sleep(time.Millisecond) {
			c.mu.Lock()
			requested = c.seek != nil
			c.mu.Unlock()
		}
		if o := c.orders(ctx); o.seek != nil || !o.stop && o.err == nil {
			t.Errorf("%s: %+v", name, o)
		}
		c.end()
		select {
		case err := <-sought:
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: the seek waits", name)
		}
	}
}

// The position of a part of a recording is that in the part, whose number of messages is not that of the whole.
func TestPlayControl_PositionInTheWindow(t *testing.T) {
	ch := &mcapfile.Channel{Topic: "t"}
	var lines []line
	for i := range uint64(8) {
		lines = append(lines, line{ch, (1 + i) * hour, fmt.Sprint(i)})
	}
	path := fileOf(t, lines, nil)
	window := PlayOptions{StartElapsed: 4 * time.Hour, Duration: 3 * time.Hour}
	for o, total := range map[*PlayOptions]uint64{&window: 0, {EndElapsed: time.Hour}: 0, {StartElapsed: time.Hour}: 0, {}: 8} {
		checked, err := o.checked()
		if err != nil {
			t.Fatal(err)
		}
		files, err := openPlayFiles(path, &checked)
		if err != nil {
			t.Fatal(err)
		}
		defer files.close()
		if p := newPlayer(nil, files, &streamSet{}, &checked); p.figures.total.Load() != total {
			t.Errorf("%+v: %d messages, want %d", o.window(), p.figures.total.Load(), total)
		}
	}
	c := controlledPlay(t, path, window)
	for i, want := range []string{"4", "5"} {
		c.step(1, "", want)
		if s := c.Status(); s.Position != time.Duration(i)*time.Hour || s.Length != 3*time.Hour {
			t.Errorf("%+v", s)
		}
	}
	c.must(c.SeekElapsed(t.Context(), 0)) // of the recording
	if s := c.Status(); s.Position != 0 {
		t.Errorf("before the part: %+v", s)
	}
	c.Stop()
	if err := <-c.played; err != nil {
		t.Error(err)
	}
}

// A replay that waits for subscribers is stopped too.
func TestPlayControl_StopBeforeTheFirstMessage(t *testing.T) {
	c := controlledPlay(t, fileOf(t, []line{{&mcapfile.Channel{Topic: "t"}, 0, "1"}}, nil), PlayOptions{WaitSubscribers: 2})
	c.Stop()
	if err := <-c.played; err != nil || c.result.Messages != 0 {
		t.Errorf("%+v, %v", c.result, err)
	}
}

// A step that was requested before the topics of the recording are known is refused as well.
func TestPlayControl_StepToAnUnknownTopic(t *testing.T) {
	control, d := new(PlayControl), domain(t)
	if js, err := json.Marshal(control.Status()); err != nil || strings.Contains(string(js), "0001") || strings.Contains(string(js), "rate") {
		t.Errorf("%s, %v", js, err)
	}
	stepped := make(chan error)
	go func() { stepped <- control.Step(t.Context(), 1, "nosuch") }()
	for !control.Paused() { // the step is there
		time.Sleep(time.Millisecond)
	}
	path, player, played := fileOf(t, []line{{&mcapfile.Channel{Topic: "t"}, 0, "1"}}, nil), join(t, d), make(chan error)
	go func() {
		s, err := Play(t.Context(), player, path, &PlayOptions{Control: control})
		if s.Messages > 0 {
			t.Errorf("%d messages are played", s.Messages)
		}
		played <- err
	}()
	if err := <-stepped; err == nil || !strings.Contains(err.Error(), `no topic "nosuch" is played`) {
		t.Error(err)
	}
	control.Stop()
	if err := <-played; err != nil {
		t.Error(err)
	}
}

// The commands of a control server do what the methods do.
func TestPlayControl_Commands(t *testing.T) {
	ch := &mcapfile.Channel{Topic: "t"}
	c := controlledPlay(t, fileOf(t, []line{{ch, 1 * hour, "1"}, {ch, 2 * hour, "2"}, {ch, 3 * hour, "3"}, {ch, 4 * hour, "4"}}, nil), PlayOptions{})
	server, err := control.Serve(c.p.Dir(), c.p.ID(), control.Service{Kind: "player", Path: "f", Commands: c.Commands()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	clients, _, err := control.List(t.Context(), c.p.Dir())
	if err != nil || len(clients) != 1 {
		t.Fatalf("%d clients, %v", len(clients), err)
	}
	defer clients[0].Close()
	for _, step := range []struct{ command, want, published string }{
		{"step", `"state":"paused"`, "1"}, {"burst 2", `"messages":3`, "23"}, {"seek 1h", "", ""}, {"step 1 t", "", "2"}, {"seek back 1h", "", ""}, {"step", "", "1"},
		{"seek 1970-01-01T03:00:00Z", "", ""}, {"step", "", "3"}, {"rate 2", `"rate":2`, ""}, {"status", "{", ""},
		{"rate max", `"max":true`, ""}, {"seek ahead 9h", `"state":"paused","max":true,"position_ns":10800000000000`, ""}, {"seek 2h", "", ""},
	} {
		words := strings.Fields(step.command)
		result, err := clients[0].Do(t.Context(), words[0], words[1:]...)
		if err != nil || !json.Valid(result) || !strings.Contains(string(result), step.want) {
			t.Errorf("%s: %s, %v", step.command, result, err)
		}
		if got := c.received(len(step.published)); got != step.published {
			t.Errorf("%s publishes %q, want %q", step.command, got, step.published)
		}
	}
	for wrong, want := range map[string]string{
		"step 1 nosuch": `no topic "nosuch" is played; 1 are, such as "t"`, "seek 4h": "the replay ends before: at 1970-01-01 04:00:00 +0000 UTC, after 3h0m0s", "seek 1970-01-01T04:00:01Z": "the replay ends before",
	} {
		words := strings.Fields(wrong)
		if _, err := clients[0].Do(t.Context(), words[0], words[1:]...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	if s := c.Status(); s.State != PlayPaused || s.Position != 2*time.Hour {
		t.Errorf("refused commands change the state: %+v", s)
	}
	for _, wrong := range []string{"seek soon", "seek", "seek -1h", "seek by 1h", "seek back soon", "seek ahead -1h", "rate 0", "rate inf", "rate", "step x", "step 0", "step 1 t t", "pause now", "burst"} {
		words := strings.Fields(wrong)
		if result, err := clients[0].Do(t.Context(), words[0], words[1:]...); wrong != "burst" && !errors.As(err, new(*control.AnswerError)) {
			t.Errorf("%s: %s, %v", wrong, result, err)
		}
	}
	c.Stop()
	<-c.played
}

// The consumer answers each message, however slow it is; a replay without lock-step would overwrite what it has not taken.
func TestPlay_LockStep(t *testing.T) {
	const n = 5000
	ch := &mcapfile.Channel{Topic: "in"}
	var lines []line
	for i := range uint64(n) {
		lines = append(lines, line{ch, i, fmt.Sprint(i)})
	}
	path := fileOf(t, lines, nil)
	for name, o := range map[string]*LockStep{"taken": {}, "answered": {Answer: "out"}} {
		t.Run(name, func(t *testing.T) {
			d := domain(t)
			node := join(t, d)
			in, err := topic.NewSubscriber[[]byte](t.Context(), node, "in", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			out := publisher[[]byte](t, node, "out", nil)
			ctx, cancel := context.WithCancel(t.Context())
			received, held := 0, make(chan bool)
			go func() {
				defer close(held)
				for s, err := range in.Samples(ctx) {
					if err != nil {
						return
					}
					if want := fmt.Sprint(received); string(s.Bytes()) != want || s.Lost() > 0 {
						t.Errorf("received %s, want %s", s.Bytes(), want)
						return
					}
					received++
					if _, err := out.Publish(ctx, nil); err != nil {
						t.Error(err)
						return
					}
				}
			}()
			s, err := Play(t.Context(), join(t, d), path, &PlayOptions{Max: true, LockStep: o, WaitSubscribers: 1})
			cancel()
			<-held
			if err != nil || s.Messages != n || received < n-1 || in.Stats().Lost > 0 {
				t.Errorf("%d played, %d received, %v", s.Messages, received, err)
			}
		})
	}
	d := domain(t)
	in, err := topic.NewSubscriber[[]byte](t.Context(), join(t, d), "in", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for _, o := range []*LockStep{{Timeout: time.Millisecond}, {Timeout: time.Millisecond, Answer: "out"}} {
		s, err := Play(t.Context(), join(t, d), path, &PlayOptions{Max: true, LockStep: o, WaitSubscribers: 1})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "lock-step: no") || s.Messages != 1 {
			t.Errorf("without a consumer that takes: %d played, %v", s.Messages, err)
		}
	}
}

func TestPlayer_LatePolicies(t *testing.T) {
	ms := time.Millisecond
	for policy, want := range map[LatePolicy]string{
		LatePublish: "5ms 20ms 30ms; published all, then due at 40ms",
		LateSkip:    "5ms 20ms 30ms; skipped 2 3, then due at 40ms",
		LateSlow:    "5ms 20ms 10ms; published all, then due at 70ms",
	} {
		ch := &mcapfile.Channel{Topic: "t"}
		pl := &player{opts: &PlayOptions{Late: policy, LateAfter: 5 * ms, Rate: 1}, spacing: newSpacing(), lateness: newLateness()}
		pl.set = &streamSet{channels: map[*mcapfile.Channel]*replayChannel{ch: {stream: new(replayStream)}}}
		p := &playPass{player: pl, schedule: newSchedule(0, pl.opts)}
		var late []string
		skipped := ""
		// Messages are due at 10, 20 and 30 ms and come at 15, 40 and 60 ms.
		for i, at := range []time.Duration{15 * ms, 40 * ms, 60 * ms} {
			due := p.schedule.due(uint64((i + 1) * int(10*ms)))
			late = append(late, (at - due).String())
			if p.late(&playMessage{Message: mcapfile.Message{Channel: ch}}, due, at) == skipMessage {
				skipped += fmt.Sprint(" ", i+1)
			}
		}
		done := "published all"
		if skipped != "" {
			done = "skipped" + skipped
		}
		got := fmt.Sprintf("%s; %s, then due at %v", strings.Join(late, " "), done, p.schedule.due(uint64(40*ms)))
		if got != want {
			t.Errorf("%d: %s, want %s", policy, got, want)
		}
		if r := pl.lateness.result(); len(r.Buckets) < 4 || r.Max < 19*ms {
			t.Errorf("%+v", r)
		}
	}
}

func TestLateness_Buckets(t *testing.T) {
	l := newLateness()
	for _, d := range []time.Duration{-1, 0, 5 * time.Microsecond, 50 * time.Microsecond, 60 * time.Microsecond, 50 * time.Millisecond, time.Hour} {
		l.add(d)
	}
	got := fmt.Sprint(l.result().Buckets)
	if want := "[{10µs 3} {100µs 2} {1ms 0} {10ms 0} {100ms 1} {1s 0} {0s 1}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestVerify(t *testing.T) {
	path := file(t, spec{0, 1, 0, "x"}, spec{1, 2, 0, "y"}, spec{0, 3, 0, strings.Repeat("z", 1000)})
	v, err := Verify(t.Context(), path, &PlayOptions{Max: true})
	if err != nil || !v.Difference.Equal || v.Played.Messages != 3 || v.Recorded.Messages != 3 {
		t.Errorf("%+v, %v", v, err)
	}
	v, err = Verify(t.Context(), file(t, spec{0, 1, 0, "x"}), &PlayOptions{Latched: nil, Max: true})
	if err != nil || !v.Difference.Equal {
		t.Errorf("%+v, %v", v, err)
	}
	// A name that cannot be played is a difference.
	v, err = Verify(t.Context(), fileOf(t, []line{{&mcapfile.Channel{Topic: "what?"}, 1, "x"}}, nil), &PlayOptions{Max: true})
	if err != nil || v.Difference.Equal || v.Difference.First == "" {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := Verify(t.Context(), path, &PlayOptions{Loop: true}); err == nil || !strings.Contains(err.Error(), "only a whole file") {
		t.Error(err)
	}
}

// After the maximum rate the replay goes on at once, and does not wait for the time that it was ahead.
func TestPlayer_RateAfterMax(t *testing.T) {
	p := &playPass{player: &player{max: true}, schedule: newSchedule(0, &PlayOptions{Rate: 1})}
	p.schedule.due(hour)
	p.setRate(2, time.Second)
	if got := p.schedule.scaled(); got != time.Second || p.max {
		t.Errorf("the last message is due at %v", got)
	}
	if got := p.schedule.due(hour + 10*second); (got - 6*time.Second).Abs() > time.Microsecond {
		t.Errorf("the next one is due at %v", got)
	}
}

func TestSchedule_Anchors(t *testing.T) {
	s := newSchedule(0, &PlayOptions{Rate: 1})
	due := func(at, want time.Duration) {
		t.Helper()
		if got := s.due(uint64(at)); (got - want).Abs() > time.Microsecond {
			t.Errorf("the message of %v is due at %v, want %v", at, got, want)
		}
	}
	sec := time.Second
	due(10*sec, 10*sec)
	s.setRate(2, 6*sec) // 4 s of the recording are left
	if got := s.scaled(); got != 8*sec {
		t.Errorf("after the change of the rate it is due at %v", got)
	}
	due(12*sec, 9*sec)
	s.slow(100 * sec) // a pause
	due(14*sec, 110*sec)
	s.jump(200 * sec)
	due(2*sec, 200*sec)
	due(4*sec, 201*sec)
}
