package command

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/dynamic"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// A valueReport is a value in JSON: decoded, or else in hex.
type valueReport struct {
	Type     string          `json:"type"`
	Encoding string          `json:"encoding"`
	Data     json.RawMessage `json:"data"`
	Hex      *string         `json:"hex"`
	Error    string          `json:"error"` // why a value of a known encoding is in hex
}

// reportValue decodes a value that another process has sent.
func (a *app) reportValue(t serde.Type, value []byte) valueReport {
	r := valueReport{Type: t.Name, Encoding: t.Encoding}
	js, err := a.payloads.ToJSON(t, value)
	var b bytes.Buffer
	if err == nil {
		err = json.Compact(&b, js)
	}
	if err != nil {
		s := hex.EncodeToString(value)
		if r.Hex = &s; !errors.Is(err, serde.ErrUndecodable) || dynamic.Supports(t.Encoding) {
			r.Error = err.Error()
		}
		return r
	}
	r.Data = text.EscapeJSON(b.Bytes())
	return r
}

func (r valueReport) String() string {
	switch {
	case r.Data != nil:
		return string(r.Data)
	case r.Error != "":
		return "hex " + *r.Hex + " (" + text.Escape(r.Error) + ")"
	case r.Hex != nil:
		return "hex " + *r.Hex
	}
	return ""
}

// undecoded returns the error of a command whose output is incomplete, or nil.
func (r valueReport) undecoded(what string) error {
	if r.Error == "" {
		return nil
	}
	return cli.Lossyf("%s was not decoded: %s", what, r.Error)
}

// A responseReport is a response in JSON.
type responseReport struct {
	Service string `json:"service"`
	valueReport
}

// jsonArgument returns the JSON that the argument after the name is, or that is read from standard input for "-".
func jsonArgument(cmd *cobra.Command, arg string) ([]byte, error) {
	switch {
	case arg == "-":
		return readJSON(cmd)
	case !json.Valid([]byte(arg)):
		return nil, cli.Usagef(cmd, "%.300q is not JSON; text needs its quotes too: '\"text\"'", arg)
	}
	return []byte(arg), nil
}

// serviceName refuses what is not the name of a service.
func serviceName(_ *cobra.Command, args []string) error { return service.CheckName(args[0]) }

func (a *app) call() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "call NAME JSON",
		Short: "Call a service with a request given as JSON",
		Long: `Call a service with a request given as JSON, or read as JSON from standard input where "-" is given, and print the response. Types and
encodings are those that the server announces. A service may answer with any number of responses; each is a line.

--timeout is also the deadline of the handler. A call that is interrupted is cancelled at the server.`,
		Example: `  shmmon call robot/greet '"operator"'
  shmmon call robot/arm/plan '{"to":[1,2,3]}' --timeout 2s --json`,
		Args:              cobra.MatchAll(cli.Args("NAME", "JSON"), serviceName),
		ValidArgsFunction: a.completeService,
		RunE: func(cmd *cobra.Command, args []string) error {
			if timeout < 0 {
				return cli.Usagef(cmd, "--timeout %v is negative", timeout)
			}
			js, err := jsonArgument(cmd, args[1])
			if err != nil {
				return err
			}
			return a.runCall(cmd.Context(), args[0], js, timeout)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "how long the call may take; 0 is for ever")
	return a.tabular(cmd)
}

// limited returns ctx with a timeout, if that is not 0.
func limited(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}

func (a *app) runCall(ctx context.Context, name string, js []byte, timeout time.Duration) error {
	self, err := a.Join()
	if err != nil {
		return err
	}
	defer self.Close()
	d, err := a.findService(ctx, self, name)
	if err != nil {
		return err
	}
	if _, ok := goal.TypesOf(d); ok {
		return fmt.Errorf("%q takes goals; use 'shmmon goal'", name)
	}
	request, err := a.encodeFor(name, d.Request, js)
	if err != nil {
		return err
	}
	limit, cancel := limited(ctx, timeout)
	defer cancel()
	client, err := service.NewClient(limit, self, name, &service.ClientOptions[[]byte, []byte]{
		RequestCodec: serde.Opaque(d.Request), ResponseCodec: serde.Opaque(d.Response),
	})
	if err != nil {
		return connecting(ctx, name, err)
	}
	defer client.Close()
	if !d.Stream {
		response, err := client.Call(limit, request)
		if err != nil {
			return interrupted(ctx, err)
		}
		return a.printResponse(name, d.Response, response)
	}
	defer a.Streaming(ctx)()
	var incomplete error
	for response, err := range client.Stream(limit, request) {
		if err != nil {
			return interrupted(ctx, err)
		}
		if err := a.printResponse(name, d.Response, response); err != nil && !cli.Complete(err) {
			return err
		} else if err != nil {
			incomplete = err
		}
	}
	return incomplete
}

// interrupted returns err, or cli.ErrInterrupted if ctx has ended, which is then the reason.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return cli.ErrInterrupted
	}
	return err
}

// connecting returns the error of a client that was not made.
func connecting(ctx context.Context, name string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("connect to the server of %q: %w", name, err)
	}
	return interrupted(ctx, err)
}

func (a *app) printResponse(name string, t serde.Type, response []byte) error {
	r := responseReport{name, a.reportValue(t, response)}
	if err := a.row(r, func(w io.Writer) error { _, err := fmt.Fprintln(w, r.String()); return err }); err != nil {
		return err
	}
	return r.undecoded("the response")
}

// findService returns the description of a server of a name.
func (a *app) findService(ctx context.Context, self *topic.Participant, name string) (service.Description, error) {
	servers, err := service.Find(ctx, self, name)
	switch {
	case err != nil:
		return service.Description{}, err
	case len(servers) == 0:
		return service.Description{}, fmt.Errorf("no process serves %q in %s; 'shmmon services' shows what is served", name, self.Dir())
	}
	return servers[0].Description, nil
}

// encodeFor makes a payload of JSON for a service, which must fit a JSON Schema.
func (a *app) encodeFor(name string, t serde.Type, js []byte) ([]byte, error) {
	payload, err := a.payloads.FromJSON(t, js)
	if errors.Is(err, serde.ErrUndecodable) {
		return nil, fmt.Errorf("no value of encoding %q, which %q takes, can be made of JSON", t.Encoding, name)
	}
	if err != nil {
		return nil, err
	}
	return payload, checkJSON(context.Background(), t, js)
}
