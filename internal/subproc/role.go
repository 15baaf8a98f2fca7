package subproc

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// ready is the reply of a process that is ready.
type ready struct {
	Ready bool `json:"ready"`
}

// A Parent is a child's connection to its parent: the request, the messages and the replies.
type Parent struct {
	request  json.RawMessage
	messages chan json.RawMessage
	mu       sync.Mutex
	out      *json.Encoder
}

// Serve runs a role whose parent is at in and out. The role's context ends when the parent closes its end of in or ends itself.
func Serve(ctx context.Context, in io.Reader, out io.Writer, role func(context.Context, *Parent) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	d := &Parent{out: json.NewEncoder(out), messages: make(chan json.RawMessage)}
	dec := json.NewDecoder(in)
	if err := dec.Decode(&d.request); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	go d.readMessages(ctx, stop, dec)
	return role(ctx, d)
}

func (d *Parent) readMessages(ctx context.Context, stop context.CancelFunc, dec *json.Decoder) {
	defer stop()
	for {
		var line json.RawMessage
		if dec.Decode(&line) != nil {
			return
		}
		select {
		case d.messages <- line:
		case <-ctx.Done():
			return
		}
	}
}

// Request decodes the parent's request into v.
func (d *Parent) Request(v any) error {
	if err := json.Unmarshal(d.request, v); err != nil {
		return fmt.Errorf("decode the request: %w", err)
	}
	return nil
}

// Messages yields the parent's messages after the request.
func (d *Parent) Messages() <-chan json.RawMessage { return d.messages }

// Ready reports that the process is ready.
func (d *Parent) Ready() error { return d.Reply(ready{true}) }

// Reply sends v to the parent as one line of JSON.
func (d *Parent) Reply(v any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.Encode(v)
}
