package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/dynamic"
	"github.com/shmbus/shmbus/topic"
)

type pubOptions struct {
	encoding, typeName string
	rate               float64
	n                  int
	wait, unchecked    bool
	timeout            time.Duration
}

func (a *app) pub() *cobra.Command {
	var o pubOptions
	cmd := &cobra.Command{
		Use:   "pub TOPIC JSON",
		Short: "Publish a message given as JSON",
		Long: `Publish a message given as JSON, or read as JSON from standard input where "-" is given. It has the encoding, type name and schema
of the topic's publishers or, without publishers, of its subscriptions; otherwise it is json without a type name. Messages of
the encodings protobuf, cdr, flatbuffer, capnproto and plain are made by the schema, and only of a topic that has it. Messages of
a topic with a JSON Schema must fit it, and have no field that it does not have.

Subscriptions that want another type are not reached; they are named on standard error. A domain that does not exist is made.`,
		Example: `  shmmon pub robot/goal '{"x":1,"y":2}'
  shmmon pub greeting '"hello"' --encoding string
  jq .goal plan.json | shmmon pub robot/goal -
  shmmon pub robot/speed 0.5 --rate 10 -n 100 --encoding msgpack --type pkg.Speed --wait`,
		Args:              cobra.MatchAll(cli.Args("TOPIC", "JSON"), firstIsTopic),
		ValidArgsFunction: a.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case args[1] != "-" && !json.Valid([]byte(args[1])):
				return cli.Usagef(cmd, "%.300q is not JSON; text needs its quotes too: '\"text\"'", args[1])
			case !(o.rate > 0 && o.rate <= 1e6):
				return cli.Usagef(cmd, "--rate %v is not more than 0 and at most 1000000 messages per second", o.rate)
			case o.n < 0:
				return cli.Usagef(cmd, "--count %d is negative", o.n)
			case o.timeout < 0:
				return cli.Usagef(cmd, "--timeout %v is negative", o.timeout)
			}
			js := []byte(args[1])
			if args[1] == "-" {
				var err error
				if js, err = readJSON(cmd); err != nil {
					return err
				}
			}
			return a.runPub(cmd, args[0], js, o)
		},
	}
	cmd.Flags().StringVar(&o.encoding, "encoding", "", "json, msgpack, cbor or string, or one with a schema if the topic has it (default that of the topic, else json)")
	cmd.Flags().StringVar(&o.typeName, "type", "", "type name to announce (default that of the topic)")
	cmd.Flags().Float64Var(&o.rate, "rate", 1, "messages per second")
	cmd.Flags().IntVarP(&o.n, "count", "n", 1, "how many messages to publish; 0 is until interrupted")
	cmd.Flags().BoolVar(&o.wait, "wait", false, "wait for a subscription first")
	cmd.Flags().BoolVar(&o.unchecked, "unchecked", false, "publish a message that does not fit the topic's JSON Schema, too")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 10*time.Second, "how long --wait waits; 0 is for ever")
	for flag, values := range map[string][]string{"encoding": {"json", "msgpack", "cbor", "string"}, "type": nil} {
		// It fails only for flags that do not exist.
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return a.tabular(cmd)
}

// maxJSON is how long a message on standard input may be: twice the largest payload, for text takes more room than that.
const maxJSON = 512 << 20

// readJSON reads the one message that standard input holds.
func readJSON(cmd *cobra.Command) (js []byte, err error) {
	err = cli.Await(cmd.Context(), func() (err error) {
		js, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxJSON+1))
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the message from standard input: %w", err)
	case len(js) > maxJSON:
		return nil, fmt.Errorf("standard input has more than %s, which is more than a message may have", text.Bytes(maxJSON))
	case len(js) == 0:
		return nil, errors.New("standard input is empty; it must hold one message as JSON")
	case !json.Valid(js):
		return nil, fmt.Errorf("standard input does not hold one JSON value: it begins with %.60q; text needs its quotes too", js)
	}
	return js, nil
}

func (a *app) runPub(cmd *cobra.Command, name string, js []byte, o pubOptions) error {
	ctx := cmd.Context()
	kind, err := a.pubType(name, o)
	if err != nil {
		return err
	}
	payload, err := a.payloads.FromJSON(kind, js)
	if errors.Is(err, serde.ErrUndecodable) {
		without := ""
		if dynamic.Supports(kind.Encoding) {
			without = " without its schema"
		}
		err = fmt.Errorf("no payload of encoding %q can be made of JSON%s; choose json, msgpack, cbor or string with --encoding", kind.Encoding, without)
		if o.encoding != "" {
			return cli.Usage(cmd, err)
		}
		return fmt.Errorf("%w, which is then another type than others have on %q", err, name)
	}
	if err == nil && !o.unchecked {
		if err = checkJSON(ctx, kind, js); err != nil {
			err = fmt.Errorf("%w; --unchecked publishes it all the same", err)
		}
	}
	if err != nil {
		return err
	}
	self, err := a.Join()
	if err != nil {
		return err
	}
	defer self.Close()
	pub, err := topic.NewPublisher(ctx, self, name, &topic.PublisherOptions[[]byte]{Codec: serde.Opaque(kind)})
	if err != nil {
		return err
	}
	defer pub.Close()
	if o.wait {
		if err := a.waitSubscriber(ctx, pub, kind, o.timeout); err != nil {
			return err
		}
	}
	hint := a.unreached(name, kind)
	published, reached, err := publish(ctx, pub, payload, o, func(reached int) {
		if hint != "" {
			fmt.Fprintf(a.Stderr, "published to %s; %s\n", text.Many(reached, "subscription"), hint)
		}
	})
	if err != nil {
		return err
	}
	return a.reportPub(name, kind, published, reached, len(payload))
}

// pubType returns the type to announce: what the flags say, and for the rest what the topic has.
func (a *app) pubType(name string, o pubOptions) (serde.Type, error) {
	v, _, err := a.snapshot()
	if err != nil {
		return serde.Type{}, err
	}
	var kind serde.Type
	if t, ok := v.Find(name); ok {
		kind = announced(t)
	}
	if o.encoding != "" && o.encoding != kind.Encoding || o.typeName != "" && o.typeName != kind.Name {
		kind.SchemaEncoding, kind.Schema = "", nil // it belongs to the other type
	}
	if o.encoding != "" {
		kind.Encoding = o.encoding
	}
	if o.typeName != "" {
		kind.Name = o.typeName
	}
	if kind.Encoding == "" {
		kind.Encoding = serde.EncodingJSON
	}
	return kind, nil
}

// announced returns the type that a publisher, or else a subscription, of the topic announces.
func announced(t watch.Topic) serde.Type {
	for _, p := range t.Publishers {
		return endpointType(p.Endpoint)
	}
	for _, s := range t.Subscribers {
		if e := s.Endpoint; !e.AnyType {
			return endpointType(e)
		}
	}
	return serde.Type{}
}

func (a *app) waitSubscriber(ctx context.Context, pub *topic.Publisher[[]byte], kind serde.Type, timeout time.Duration) error {
	wait := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	err := pub.WaitSubscribers(wait, 1)
	switch {
	case ctx.Err() != nil:
		return cli.ErrInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no subscription for %q within %v", pub.Topic(), timeout)
		if hint := a.unreached(pub.Topic(), kind); hint != "" {
			err = fmt.Errorf("%w; %s", err, hint)
		}
	}
	return err
}

// publish publishes n times, at equal distances from the beginning on, and returns how often it did and how many
// subscriptions the last message reached. After the first message it calls first.
func publish(ctx context.Context, pub *topic.Publisher[[]byte], payload []byte, o pubOptions, first func(reached int)) (n, reached int, err error) {
	begin := time.Now()
	for o.n == 0 || n < o.n {
		due := begin.Add(time.Duration(float64(n) / o.rate * float64(time.Second)))
		if ahead := time.Until(due); ahead > 0 {
			err = pause(ctx, ahead)
		} else if ctx.Err() != nil {
			err = cli.ErrInterrupted
		}
		if err == nil {
			reached, err = pub.Publish(ctx, payload)
		}
		if err != nil {
			if ctx.Err() != nil && o.n == 0 {
				return n, reached, nil // the way it is meant to end
			}
			return n, reached, fmt.Errorf("%s published: %w", text.Many(n, "message"), err)
		}
		if n++; n == 1 {
			first(reached)
		}
	}
	return n, reached, nil
}

func (a *app) reportPub(name string, kind serde.Type, published, reached, size int) error {
	type pubReport struct {
		Topic    string `json:"topic"`
		Type     string `json:"type"`
		Encoding string `json:"encoding"`
		Messages int    `json:"messages"`
		Size     int    `json:"size"`
		Reached  int    `json:"reached"` // subscriptions, by the last message
	}
	r := pubReport{name, kind.Name, kind.Encoding, published, size, reached}
	return a.print(table(r, []pubReport{r}, texts(fmt.Sprintf("published %s of %s as %s to %s\n",
		text.Many(published, "message"), text.Bytes(uint64(size)), text.Escape(kind.Encoding), text.Many(reached, "subscription")))))
}
