package slogtopic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/topic"
)

func join(t *testing.T) *topic.Participant {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p, err := topic.Join(&topic.Options{Dir: dir, Unit: "logging"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// open returns a handler and a subscription to what it publishes.
func open(t *testing.T, opts *Options, lossless bool) (*Handler, *topic.Subscriber[messages.Log]) {
	t.Helper()
	p := join(t)
	h, err := New(t.Context(), p, opts)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := topic.NewSubscriber(t.Context(), p, h.pub.Topic(), &topic.SubscriberOptions[messages.Log]{Codec: messages.CDR[messages.Log](), Lossless: lossless})
	if err != nil {
		t.Fatal(err)
	}
	return h, sub
}

func next(t *testing.T, sub *topic.Subscriber[messages.Log]) messages.Log {
	t.Helper()
	s, err := sub.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	v, err := s.Value()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestHandler_Records(t *testing.T) {
	h, sub := open(t, &Options{Name: "planner", Level: slog.LevelDebug, Source: true}, false)
	logger := slog.New(h).With("robot", 7).WithGroup("pose")
	before := time.Now()
	logger.Warn("no way", "x", 0.5, "why", "a \"wall\"\n", "msg", "m", "level", slog.LevelInfo)
	l := next(t, sub)
	if want := `no way robot=7 pose.x=0.5 pose.why="a \"wall\"\n" pose.msg=m pose.level=INFO`; l.Msg != want {
		t.Errorf("%q, want %q", l.Msg, want)
	}
	if at := l.Stamp.Time(); l.Name != "planner" || l.Level != messages.LogWarn || at.Before(before.Truncate(0)) || at.After(time.Now()) {
		t.Errorf("%+v", l)
	}
	if l.File != "slogtopic/handler_linux_test.go" || !strings.HasSuffix(l.Function, ".TestHandler_Records") || l.Line == 0 {
		t.Errorf("%+v", l)
	}
	slog.New(h).Info("", "level", "x", "msg", "y")
	if l := next(t, sub); l.Msg != ` level=x msg=y` {
		t.Errorf("%q", l.Msg)
	}
	for level, want := range map[slog.Level]uint8{-8: 0, -4: messages.LogDebug, -1: messages.LogDebug, 0: messages.LogInfo, 3: messages.LogInfo,
		4: messages.LogWarn, 8: messages.LogError, 11: messages.LogError, 12: messages.LogFatal} {
		if slog.New(h).Log(t.Context(), level, "x"); want != 0 {
			if l := next(t, sub); l.Level != want {
				t.Errorf("%v is %d, want %d", level, l.Level, want)
			}
		}
	}
	slog.New(h).Info(strings.Repeat("ä", MaxMessage))
	if l := next(t, sub); len(l.Msg) > MaxMessage+30 || !strings.HasSuffix(l.Msg, "ä… 65536 more bytes") {
		t.Errorf("%d bytes, %q", len(l.Msg), l.Msg[len(l.Msg)-30:])
	}
}

// The records of a call that was cancelled are published.
func TestHandler_CancelledContext(t *testing.T) {
	h, sub := open(t, nil, false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	slog.New(h).ErrorContext(ctx, "cancelled")
	if l := next(t, sub); l.Msg != "cancelled" || l.File != "" {
		t.Errorf("%+v", l)
	}
}

func TestHandler_Concurrent(t *testing.T) {
	h, sub := open(t, &Options{Depth: 1024}, false)
	var all sync.WaitGroup
	for g := range 8 {
		logger := slog.New(h).With("g", g)
		all.Go(func() {
			for i := range 100 {
				logger.Info("x", "i", i)
			}
		})
	}
	all.Wait()
	got := make(map[string]bool)
	for range 800 {
		got[next(t, sub).Msg] = true
	}
	for g := range 8 {
		for i := range 100 {
			if text := fmt.Sprintf("x g=%d i=%d", g, i); !got[text] {
				t.Errorf("%q is missing", text)
			}
		}
	}
}

// A record does not wait long for a subscription that hangs, and after Close it is an error.
func TestHandler_Errors(t *testing.T) {
	h, _ := open(t, &Options{Depth: 2, Wait: time.Millisecond}, true)
	record := slog.NewRecord(time.Now(), slog.LevelInfo, "x", 0)
	var err error
	for range 3 {
		err = h.Handle(t.Context(), record)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a subscription that hangs: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.Handle(t.Context(), record); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := New(t.Context(), join(t), &Options{Wait: -1}); err == nil {
		t.Error("a negative Wait passes")
	}
	if _, err := New(t.Context(), join(t), &Options{Topic: "a//b"}); err == nil {
		t.Error("a wrong topic passes")
	}
}

// What the standard library asks of every handler, read back from the messages.
func TestHandler_RulesOfSlog(t *testing.T) {
	var sub *topic.Subscriber[messages.Log]
	var began time.Time
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		var h *Handler
		h, sub = open(t, nil, false)
		began = time.Now()
		return h
	}, func(t *testing.T) map[string]any {
		l := next(t, sub)
		out := map[string]any{slog.LevelKey: l.Level, slog.MessageKey: strings.Fields(l.Msg)[0]}
		if at := l.Stamp.Time(); !at.IsZero() && !at.Before(began.Truncate(0)) {
			out[slog.TimeKey] = at
		}
		for _, pair := range strings.Fields(l.Msg)[1:] {
			name, value, _ := strings.Cut(pair, "=")
			group := out
			path := strings.Split(name, ".")
			for _, g := range path[:len(path)-1] {
				if group[g] == nil {
					group[g] = map[string]any{}
				}
				group = group[g].(map[string]any)
			}
			group[path[len(path)-1]] = value
		}
		return out
	})
}
