package subproc

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// ready is the reply of a process that is.
type ready struct {
	Ready bool `json:"ready"`
}

// A Parent is where a process that plays a role finds its order and gives its replies.
type Parent struct {
	request  json.RawMessage
	messages chan json.RawMessage
	mu       sync.Mutex
	out      *json.Encoder
}

// Serve runs a role with a desk at in and out. The context that the role gets ends when whoever started the process closes its
// end of in, also by dying.
func Serve(ctx context.Context, in io.Reader, out io.Writer, role func(context.Context, *Parent) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	d := &Parent{out: json.NewEncoder(out), messages: make(chan json.RawMessage)}
	dec := json.NewDecoder(in)
	if err := dec.Decode(&d.request); err != nil {
		return fmt.Errorf("read the order: %w", err)
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

// Request decodes the process's order into v.
func (d *Parent) Request(v any) error {
	if err := json.Unmarshal(d.request, v); err != nil {
		return fmt.Errorf("understand the order: %w", err)
	}
	return nil
}

// Messages yields what the process is told after its order.
func (d *Parent) Messages() <-chan json.RawMessage { return d.messages }

// Ready says that the process is.
func (d *Parent) Ready() error { return d.Reply(ready{true}) }

// Reply says v.
func (d *Parent) Reply(v any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.Encode(v)
}
