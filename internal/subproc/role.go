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

// A Desk is where a process that plays a role finds its order and gives its replies.
type Desk struct {
	order json.RawMessage
	told  chan json.RawMessage
	mu    sync.Mutex
	out   *json.Encoder
}

// Play runs a role with a desk at in and out. The context that the role gets ends when whoever started the process closes its
// end of in, also by dying.
func Play(ctx context.Context, in io.Reader, out io.Writer, role func(context.Context, *Desk) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	d := &Desk{out: json.NewEncoder(out), told: make(chan json.RawMessage)}
	dec := json.NewDecoder(in)
	if err := dec.Decode(&d.order); err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	go d.listen(ctx, stop, dec)
	return role(ctx, d)
}

func (d *Desk) listen(ctx context.Context, stop context.CancelFunc, dec *json.Decoder) {
	defer stop()
	for {
		var line json.RawMessage
		if dec.Decode(&line) != nil {
			return
		}
		select {
		case d.told <- line:
		case <-ctx.Done():
			return
		}
	}
}

// Order decodes the process's order into v.
func (d *Desk) Order(v any) error {
	if err := json.Unmarshal(d.order, v); err != nil {
		return fmt.Errorf("understand the order: %w", err)
	}
	return nil
}

// Told yields what the process is told after its order.
func (d *Desk) Told() <-chan json.RawMessage { return d.told }

// Ready says that the process is.
func (d *Desk) Ready() error { return d.Reply(ready{true}) }

// Reply says v.
func (d *Desk) Reply(v any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.Encode(v)
}
