package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/command"
	"github.com/shmbus/shmbus/messages/slogtopic"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// A logLine is a line of log --json.
type logLine struct {
	Time                                        time.Time
	Kind, Topic, Unit, Level, Name, Text, Where string
	PID                                         int
}

// A logReader is a log that runs, and its lines.
type logReader struct {
	t     *testing.T
	lines chan logLine
	ended chan int
	stop  context.CancelFunc
}

func startLog(t *testing.T, args ...string) *logReader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	l := &logReader{t, make(chan logLine, 10_000), make(chan int, 1), cancel}
	out, in := io.Pipe()
	go func() {
		code := command.Run(ctx, append(args, "log", "--json", "--interval", "100ms"), in, io.Discard)
		in.Close()
		l.ended <- code
	}()
	go func() {
		defer close(l.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var line logLine
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				t.Errorf("%v: %s", err, lines.Bytes())
			}
			l.lines <- line
		}
	}()
	return l
}

// await returns the first line of that kind whose topic, unit and text contain what it must.
func (l *logReader) await(kind, part string) logLine {
	l.t.Helper()
	var seen []logLine
	for deadline := time.After(long); ; {
		select {
		case line, ok := <-l.lines:
			if !ok {
				l.t.Fatalf("no %s of %q in %+v", kind, part, seen)
			}
			if line.Kind == kind && strings.Contains(line.Topic+" "+line.Unit+" "+line.Text, part) {
				return line
			}
			if line.Kind != "log" {
				seen = append(seen, line)
			}
		case <-deadline:
			l.t.Fatalf("no %s of %q in %+v", kind, part, seen)
		}
	}
}

// What belongs to services and parameters is no news, unless it is asked for. A message of an application after it ends the wait.
func TestLog_ServicesAreLeftOut(t *testing.T) {
	dir := domains(t)
	join := func(unit string) *topic.Participant {
		p, err := topic.Join(&topic.Options{Dir: dir, Unit: unit})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := join("planner")
	defer p.Close()
	l, all := startLog(t, "--dir", dir), startLog(t, "--all", "--dir", dir)
	for len(l.lines) == 0 || len(all.lines) == 0 { // they run when they tell of a process
		if err := join("probe").Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := service.NewServer(t.Context(), p, "plan", func(context.Context, *service.Call[int, int]) (int, error) { return 0, nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := topic.NewPublisher[int](t.Context(), p, "after", nil); err != nil {
		t.Fatal(err)
	}
	all.await("added", "$service/plan/server")
	for {
		line := <-l.lines
		if strings.Contains(line.Topic, "$") {
			t.Errorf("%+v", line)
		}
		if line.Topic == "after" || line.Kind == "" {
			break
		}
	}
}

func TestLog_WhatHappens(t *testing.T) {
	dir := domains(t)
	ctx := t.Context()
	p, err := topic.Join(&topic.Options{Dir: dir, Unit: "planner"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	h, err := slogtopic.New(ctx, p, &slogtopic.Options{Name: "plan\x1b[2J", Source: true, Level: slog.LevelDebug})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	logger := slog.New(h)
	logger.Warn("before", "x", 1)

	l := startLog(t, "--dir", dir)
	// What a program logs, with what it logged as soon as the log runs.
	running := make(chan struct{})
	go func() {
		for {
			select {
			case <-running:
				return
			case <-time.After(10 * time.Millisecond):
				logger.Error("no way", "to", "goal\u202e")
			}
		}
	}()
	line := l.await("log", "no way")
	close(running)
	if line.Level != "error" || line.Name != "plan\x1b[2J" || line.Unit != "planner" || line.Text != "no way to=\"goal\u202e\"" && line.Text != `no way to="goal\u202e"` ||
		!strings.HasPrefix(line.Where, "shmmon/log_linux_test.go:") || line.PID != os.Getpid() {
		t.Errorf("%+v", line)
	}

	// Processes and their endpoints come, stop, go on and die.
	_, pid := startPublisherProcess(t, "SHMMON_TEST_PUBLISH="+dir, len(rates))
	if line := l.await("joined", "live"); line.PID != pid {
		t.Errorf("%+v, want pid %d", line, pid)
	}
	l.await("added", "live/slow live publisher of map[string]int in msgpack")
	for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT, syscall.SIGKILL} {
		if err := syscall.Kill(pid, signal); err != nil {
			t.Fatal(err)
		}
		l.await(map[syscall.Signal]string{syscall.SIGSTOP: "stopped", syscall.SIGCONT: "continued", syscall.SIGKILL: "died"}[signal], "live")
	}

	// Losses and what cannot be decoded of a subscription, and types that do not match.
	slow, err := topic.NewSubscriber[int](ctx, p, "numbers", nil)
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := topic.NewPublisher(ctx, p, "numbers", &topic.PublisherOptions[[]byte]{Codec: serde.Opaque(serde.MsgPack[int]().Type())})
	if err != nil {
		t.Fatal(err)
	}
	l.await("added", "numbers planner subscription to int in msgpack")
	for range 100 {
		if _, err := numbers.Publish(ctx, []byte{0xc1}); err != nil {
			t.Fatal(err)
		}
	}
	l.await("lost", ", 84 in all")
	s, err := slow.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Value(); err == nil {
		t.Error("0xc1 is a number")
	}
	s.Release()
	l.await("undecodable", "numbers planner 1 messages could not be decoded, 1 in all")
	q, err := topic.Join(&topic.Options{Dir: dir, Unit: "author"})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if _, err := topic.NewPublisher[string](ctx, q, "numbers", nil); err != nil {
		t.Fatal(err)
	}
	l.await("mismatch", "numbers planner does not fit author: ")
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	l.await("left", "author")

	// A log that begins later, of another form and with bytes that are none.
	other, err := topic.NewPublisher(ctx, p, "other/log", &topic.PublisherOptions[[]byte]{Codec: serde.Opaque(serde.Type{Name: "foxglove.Log", Encoding: "json"})})
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range []string{`{"level":3,"message":"warned","name":"x","file":"f.go","line":7}`, `{"level":"FATAL","message":"end"}`, `{`} {
		if _, err := other.Publish(ctx, []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	if line := l.await("log", "warned"); line.Level != "warn" || line.Where != "f.go:7" || line.Topic != "other/log" {
		t.Errorf("%+v", line)
	}
	if line := l.await("log", "end"); line.Level != "fatal" {
		t.Errorf("%+v", line)
	}
	l.await("missed", "a message of its log: ")
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	l.await("removed", "other/log planner publisher of foxglove.Log in json")
	l.stop()
	if code := <-l.ended; code != 0 {
		t.Errorf("it ends with %d", code)
	}

	// It ends by itself; it begins with what was logged before.
	out := shmmon(t, 0, "--dir", dir, "log", "-n", "1", "--kind", "log", "--level", "error", "--history", "10")
	if !strings.Contains(out, `  ERROR       plan\x1b[2J: no way to=`) || strings.ContainsAny(out, "\x1b\u202e") || strings.Count(out, "\n") != 1 {
		t.Errorf("%q", out)
	}
	if out := shmmon(t, 0, "--dir", dir, "log", "--duration", "100ms", "--kind", "died", "--csv"); out != "" {
		t.Errorf("%q", out)
	}
	shmmon(t, 2, "--dir", dir, "log", "--kind", "death")
	shmmon(t, 2, "--dir", dir, "log", "--level", "loud")
}
