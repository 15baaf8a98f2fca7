package command

import (
	"bytes"
	"cmp"
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

// A responseReport is a response in JSON, or the failure in its place.
type responseReport struct {
	Service string `json:"service"`
	valueReport
	Failure *failureReport `json:"failure"`
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
	var unchecked bool
	cmd := &cobra.Command{
		Use:   "call NAME JSON",
		Short: "Call a service with a request given as JSON",
		Long: `Call a service with a request given as JSON, or read as JSON from standard input where "-" is given, and print the response. Types and
encodings are those that the server announces. A request must fit its schema, which must have all its fields; without a schema, the server
drops fields that it does not know. A service may answer with any number of responses; each is a line.

--timeout is also the deadline of the handler. A call that is interrupted is cancelled at the server. With --json or --csv a call without a
response is a row too: its "failure" has the kind of the error, the code, text and value (in hex) of a handler's error, and the server.`,
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
			if err := a.checkFieldNames(cmd, responseReport{}); err != nil {
				return err
			}
			t := &target{name: args[0]}
			err = a.runCall(cmd, t, js, unchecked, timeout)
			if cli.Complete(err) || cli.IsUsage(err) {
				return err
			}
			return a.printFailure(responseReport{Service: t.name, Failure: reportFailure(err, t.only)}, err)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "how long the call may take; 0 is for ever")
	uncheckedFlag(cmd, &unchecked)
	return a.tabular(cmd)
}

func uncheckedFlag(cmd *cobra.Command, unchecked *bool) {
	cmd.Flags().BoolVar(unchecked, "unchecked", false, "send what does not fit the server's JSON Schema, too")
}

// limited returns ctx with a timeout, if that is not 0.
func limited(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}

func (a *app) runCall(cmd *cobra.Command, t *target, js []byte, unchecked bool, timeout time.Duration) error {
	ctx := cmd.Context()
	self, err := a.joinExisting()
	if err != nil {
		return err
	}
	defer self.Close()
	if err := t.find(ctx, a, self); err != nil {
		return err
	}
	if _, ok := goal.TypesOf(t.Description); ok {
		return fmt.Errorf("%q takes goals; use 'shmmon goal'", t.name)
	}
	if err := a.checkFieldsOf(cmd, t.Response); err != nil {
		return err
	}
	request, err := t.encode(ctx, a, t.Request, js, unchecked)
	if err != nil {
		return err
	}
	limit, cancel := limited(ctx, timeout)
	defer cancel()
	client, err := service.NewClient(limit, self, t.name, &service.ClientOptions[[]byte, []byte]{
		RequestCodec: serde.Opaque(t.Request), ResponseCodec: serde.Opaque(t.Response),
	})
	if err != nil {
		return connecting(ctx, t.name, err)
	}
	defer client.Close()
	if !t.Stream {
		response, err := client.Call(limit, request)
		if err != nil {
			return interrupted(ctx, err)
		}
		return cmp.Or(a.printResponse(t, response), a.lacking("response"))
	}
	defer a.Streaming(ctx)()
	var incomplete error
	for response, err := range client.Stream(limit, request) {
		if err != nil {
			return interrupted(ctx, err)
		}
		if err := a.printResponse(t, response); err != nil && !cli.Complete(err) {
			return err
		} else if err != nil {
			incomplete = err
		}
	}
	return cmp.Or(incomplete, a.lacking("response"))
}

// interrupted returns err, or cli.ErrInterrupted if ctx has ended, which is then the reason. The remedy for a server that left is one of
// this program, not of a Go program.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return cli.ErrInterrupted
	}
	if call := (*service.CallError)(nil); errors.As(err, &call) && call.Err == service.ErrNoServer {
		return &service.CallError{Service: call.Service, Server: call.Server, Err: call.Err, Detail: "it left meanwhile; 'shmmon services' shows what is served"}
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

func (a *app) printResponse(t *target, response []byte) error {
	r := responseReport{Service: t.name, valueReport: a.reportValue(t.Response, response)}
	if err := a.row(r, func(w io.Writer) error { _, err := fmt.Fprintln(w, r.String()); return err }); err != nil {
		return err
	}
	return r.undecoded("the response")
}
