package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

type echoOptions struct {
	n       int
	timeout time.Duration
	history int
	full    bool
	wait    bool
}

func (a *app) echo() *cobra.Command {
	var o echoOptions
	var paths []string
	cmd := &cobra.Command{
		Use:   "echo TOPIC",
		Short: "Print the next messages of a topic",
		Long: `Print the next messages of a topic: time of publishing, sequence number and content. Payloads are decoded and shown as JSON: those of
the encodings string, json, cbor and msgpack, and those of protobuf, cdr, flatbuffer, capnproto and plain by the schema that
the publisher announces. Every other payload is shown in hex. Long arrays and texts are cut where they stand and say how much
was left out; --full shows all, and --json always has all that is decoded. TOPIC may be a pattern.

Several fields are separated by tabs, with "-" for a field that the message lacks; with --json they are an object, in which
such a field is null. Lost messages are named where they are missing. The exit code is 3 if messages were lost or not
decoded, or if no message that was printed has one of the fields. Payloads of encoding raw, and of encodings that shmmon
does not know, have nothing to decode.`,
		Example: `  shmmon echo robot/pose
  shmmon echo robot/pose -n 10 --json
  shmmon echo robot/pose -n 0 --field position.x --field position.y
  shmmon echo 'robot/**' -n 0            until interrupted`,
		Args:              onePattern,
		ValidArgsFunction: a.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case o.n < 0:
				return cli.Usagef(cmd, "--count %d is negative", o.n)
			case o.timeout < 0:
				return cli.Usagef(cmd, "--timeout %v is negative", o.timeout)
			case o.history < 0:
				return cli.Usagef(cmd, "--history %d is negative", o.history)
			}
			var err error
			if a.fields, err = parseFields(paths); err != nil {
				return cli.Usagef(cmd, "--field %w", err)
			}
			if o.n == 0 && !cmd.Flags().Changed("timeout") {
				o.timeout = 0
			}
			return a.runEcho(cmd.Context(), args[0], o)
		},
	}
	cmd.Flags().IntVarP(&o.n, "count", "n", 1, "how many messages to print; 0 is until interrupted")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 10*time.Second, "how long to wait for each message; 0, and with -n 0 the default, is for ever")
	cmd.Flags().IntVar(&o.history, "history", 0, "begin with up to so many messages that were published before, of each publisher")
	cmd.Flags().BoolVar(&o.full, "full", false, "show long arrays, texts and payloads whole")
	cmd.Flags().StringArrayVar(&paths, "field", nil, "show only this field of each message, for example pose.position.x or points[0]; may be given several times")
	cmd.Flags().BoolVar(&o.wait, "wait", false, "wait for a topic that does not exist yet")
	return a.tabular(cmd)
}

type sampleReport struct {
	Topic     string    `json:"topic"`
	Type      string    `json:"type"`
	Encoding  string    `json:"encoding"`
	Publisher string    `json:"publisher"`
	Sequence  uint64    `json:"seq"`
	Time      time.Time `json:"time"`     // of publishing, wall clock
	Stamp     int64     `json:"stamp_ns"` // the same, CLOCK_MONOTONIC
	Lost      uint64    `json:"lost"`     // just before this message
	Size      int       `json:"size"`
	payloadReport
}

func (a *app) runEcho(ctx context.Context, pattern string, o echoOptions) error {
	if !o.wait {
		if err := a.mustExist(pattern); err != nil {
			return err
		}
	}
	self, err := a.JoinToRead()
	if err != nil {
		return err
	}
	defer self.Close()
	sub, err := topic.NewSubscriber(ctx, self, pattern, &topic.SubscriberOptions[[]byte]{History: o.history})
	if err != nil {
		return err
	}
	defer sub.Close()
	defer a.Streaming(ctx)()

	var end ending
	for got := 0; o.n == 0 || got < o.n; got++ {
		s, err := next(ctx, sub, o.timeout)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			if o.n == 0 {
				return a.incomplete(end)
			}
			return fmt.Errorf("no message on %q for %v, %d of %d printed", pattern, o.timeout, got, o.n)
		case errors.Is(err, context.Canceled) && ctx.Err() != nil:
			if o.n == 0 {
				return a.incomplete(end)
			}
			return fmt.Errorf("interrupted, %d of %d printed", got, o.n)
		case err != nil:
			return err
		}
		end.lost += s.Lost()
		err = a.printSample(s, watch.IsPattern(pattern), o.full, &end)
		s.Release()
		if err != nil {
			return err
		}
	}
	return a.incomplete(end)
}

func next(ctx context.Context, sub *topic.Subscriber[[]byte], timeout time.Duration) (topic.Sample[[]byte], error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	return sub.Receive(ctx)
}

// An ending is what echo knows at its end of all messages.
type ending struct{ lost, printed uint64 }

// incomplete returns an error that says what is missing in the output, or nil.
func (a *app) incomplete(end ending) error {
	var missing []string
	if end.lost > 0 {
		missing = append(missing, "lost "+text.Many(end.lost, "message"))
	}
	if a.undecoded > 0 {
		missing = append(missing, fmt.Sprintf("%s not decoded: %v", text.Many(a.undecoded, "message"), a.firstError))
	}
	if end.printed > 0 {
		missing = append(missing, a.missingFields("message")...)
	}
	if len(missing) == 0 {
		return nil
	}
	return cli.Lossyf("%s", strings.Join(missing, "; "))
}

// mustExist returns an *unknownError when the topic has no publisher and no subscription.
func (a *app) mustExist(pattern string) error {
	v, dir, err := a.snapshot()
	if err != nil {
		return err
	}
	_, err = choose(v, dir, pattern)
	return err
}

func (a *app) printSample(s topic.Sample[[]byte], named, full bool, end *ending) error {
	payload, err := s.AppendTo(nil)
	if err != nil { // its publisher took it away
		_, err = fmt.Fprintln(a.Stderr, err)
		return err
	}
	end.printed++
	if a.JSON || a.forms.csv {
		r := sampleReport{
			Topic: s.Topic(), Type: s.Type().Name, Encoding: s.Type().Encoding, Publisher: s.Publisher().String(),
			Sequence: s.Sequence(), Time: s.Time(), Stamp: int64(s.Stamp()), Lost: s.Lost(), Size: len(payload),
		}
		if a.forms.csv {
			return a.csvSample(r, s.Type(), payload, full)
		}
		r.payloadReport = a.reportPayload(s.Type(), payload, full)
		return a.Line(r)
	}
	name := ""
	if named {
		name = text.Escape(s.Topic()) + "  "
	}
	if n := s.Lost(); n > 0 {
		if _, err := fmt.Fprintf(a.Stdout, "%s-- %d lost --\n", name, n); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.Stdout, "%s  %s#%d  %s\n", s.Time().Format("15:04:05.000000"), name, s.Sequence(), a.show(s.Type(), payload, full))
	return err
}

// csvSample prints a message as a row of CSV: what is known of it, and its fields or the whole of it.
func (a *app) csvSample(r sampleReport, kind serde.Type, payload []byte, full bool) error {
	js, err := json.Marshal(r)
	if err != nil {
		return err
	}
	row, err := members(js)
	if err != nil {
		return err
	}
	parts, err := a.decode(kind, payload)
	note := json.RawMessage("null")
	if err != nil {
		note, _ = json.Marshal(err.Error()) // text always has a JSON form
	}
	if len(a.fields) > 0 {
		for i, f := range a.fields {
			c := column{name: f.String()}
			if i < len(parts) {
				c.value = parts[i]
			}
			row = append(row, c)
		}
		return a.cells(append(row, column{"error", note}))
	}
	data := column{name: "data"}
	if parts != nil {
		data.value = parts[0]
	}
	hex := column{name: "hex"}
	if parts == nil {
		cut := payload
		if !full && len(cut) > shortHex {
			cut = cut[:shortHex]
		}
		hex.value, _ = json.Marshal(fmt.Sprintf("%x", cut))
	}
	return a.cells(append(row, data, hex, column{"error", note}))
}
