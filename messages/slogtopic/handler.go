// Package slogtopic publishes the records of a slog.Logger on a topic, as messages.Log. "shmmon log" and viewers of ROS 2 messages show
// them, and a recording keeps them.
//
//	h, err := slogtopic.New(ctx, participant, nil)
//	defer h.Close()
//	logger := slog.New(h)
//
// All programs of a domain may use the same topic.
package slogtopic

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/topic"
)

// Options of New. The zero value is right.
type Options struct {
	Topic string       // default "log"
	Name  string       // of the program, or of a part of it; default the name of the executable
	Level slog.Leveler // records below it are not published; default slog.LevelInfo
	// Source adds the file, line and function of the call that logs. The file is its last two elements.
	Source bool
	// Depth is the number of records that the publisher keeps, for subscriptions that ask for a History or are slow: a power of
	// two. Default 256.
	Depth int
	// Wait is how long a record waits for a lossless subscription that is slow. Then it is not published, and Handle returns an error. Default
	// 100 milliseconds.
	Wait time.Duration
}

// MaxMessage is the greatest length of a message with its attributes, in bytes. What is beyond is cut, and the end says how much.
const MaxMessage = 64 << 10

// A Handler is a slog.Handler that publishes. The attributes of a record are behind its message as slog.TextHandler writes them. Its methods
// may be called concurrently, also those of Handlers made by WithAttrs and WithGroup.
type Handler struct {
	*shared
	attrs slog.Handler // writes attributes to shared.text, behind prefix
}

// shared is what a Handler and those made of it have in common.
type shared struct {
	opts Options
	pub  *topic.Publisher[messages.Log]

	mu   sync.Mutex
	text bytes.Buffer
}

// New returns a Handler with a publisher of its own. The caller closes it, before the participant. opts may be nil. ctx bounds the wait for
// existing subscriptions. Do not make it the handler of topic.Options.Logger of the same participant: a record about a failing
// publisher would be published with it.
func New(ctx context.Context, p *topic.Participant, opts *Options) (*Handler, error) {
	s := &shared{}
	if opts != nil {
		s.opts = *opts
	}
	o := &s.opts
	if o.Topic == "" {
		o.Topic = "log"
	}
	if o.Level == nil {
		o.Level = slog.LevelInfo
	}
	if o.Depth == 0 {
		o.Depth = 256
	}
	if o.Wait < 0 {
		return nil, fmt.Errorf("publish the log: a Wait of %v is negative", o.Wait)
	}
	if o.Wait == 0 {
		o.Wait = 100 * time.Millisecond
	}
	if o.Name == "" {
		o.Name = filepath.Base(os.Args[0])
	}
	var err error
	s.pub, err = topic.NewPublisher(ctx, p, o.Topic, &topic.PublisherOptions[messages.Log]{Codec: messages.CDR[messages.Log](), Depth: o.Depth})
	if err != nil {
		return nil, fmt.Errorf("publish the log: %w", err)
	}
	return &Handler{s, slog.NewTextHandler(&s.text, &slog.HandlerOptions{Level: everything})}, nil
}

// everything is below all levels: Enabled decides.
const everything = slog.Level(-1 << 30)

// prefix is what slog.TextHandler writes before the attributes of a record without time and message.
const prefix = `level=INFO msg=""`

// Enabled reports whether records of a level are published.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.opts.Level.Level()
}

// Handle publishes a record. It does not wait for the end of ctx, so that records of a call that was cancelled are published too. The error
// is that of topic.Publisher.Publish: the record is lost, and no subscription counts it.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	msg, err := h.message(ctx, r)
	if err != nil {
		return err
	}
	l := messages.Log{Stamp: messages.TimeOf(r.Time), Level: level(r.Level), Name: h.opts.Name, Msg: msg}
	if h.opts.Source && r.PC != 0 {
		frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
		l.File, l.Function, l.Line = shortFile(frame.File), frame.Function, uint32(max(0, frame.Line))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.opts.Wait)
	defer cancel()
	_, err = h.pub.Publish(ctx, l)
	return err
}

// message returns the text of a record with its attributes.
func (h *Handler) message(ctx context.Context, r slog.Record) (string, error) {
	bare := slog.Record{}
	r.Attrs(func(a slog.Attr) bool {
		bare.AddAttrs(a)
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text.Reset()
	if err := h.attrs.Handle(ctx, bare); err != nil {
		return "", err
	}
	msg := r.Message + strings.TrimSuffix(strings.TrimPrefix(h.text.String(), prefix), "\n")
	if n := len(msg) - MaxMessage; n > 0 {
		msg = strings.ToValidUTF8(msg[:MaxMessage], "") + fmt.Sprintf("… %d more bytes", n)
	}
	return msg, nil
}

// WithAttrs returns a Handler that adds attributes to each record.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{h.shared, h.attrs.WithAttrs(attrs)}
}

// WithGroup returns a Handler that puts the name of a group before the attributes that follow.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{h.shared, h.attrs.WithGroup(name)}
}

// Close closes the publisher. Later records are errors. Connected subscriptions still receive the records that they have not read.
func (h *Handler) Close() error { return h.pub.Close() }

// level returns the level of a message that has the weight of one of slog. From four above slog.LevelError on it is fatal.
func level(l slog.Level) uint8 {
	switch {
	case l < slog.LevelInfo:
		return messages.LogDebug
	case l < slog.LevelWarn:
		return messages.LogInfo
	case l < slog.LevelError:
		return messages.LogWarn
	case l < slog.LevelError+4:
		return messages.LogError
	}
	return messages.LogFatal
}

// shortFile leaves folder and name of a path.
func shortFile(path string) string {
	dir, name := filepath.Split(path)
	return filepath.Join(filepath.Base(dir), name)
}
