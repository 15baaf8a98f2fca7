package subproc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"
)

func TestAProcessHasARoleOnlyWhenItWasStartedForOne(t *testing.T) {
	if role, ok := Role([]string{Command, "king"}); !ok || role != "king" {
		t.Errorf("%q, %v", role, ok)
	}
	for _, args := range [][]string{nil, {Command}, {"king"}, {"king", Command}, {Command, "king", "queen"}} {
		if role, ok := Role(args); ok {
			t.Errorf("%q is the role %q", args, role)
		}
	}
}

type words struct{ Text string }

func TestARoleHearsItsOrderAndWhatItIsToldAndIsAsked(t *testing.T) {
	in, tell := io.Pipe()
	hear, out := io.Pipe()
	played := make(chan error, 1)
	go func() {
		played <- Serve(t.Context(), in, out, func(ctx context.Context, d *Parent) error {
			var order, told words
			if err := errors.Join(d.Request(&order), d.Ready(), json.Unmarshal(<-d.Messages(), &told)); err != nil {
				return err
			}
			if err := d.Reply(words{order.Text + told.Text}); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		})
	}()
	said, enc := json.NewDecoder(hear), json.NewEncoder(tell)
	var r ready
	var w words
	if err := errors.Join(enc.Encode(words{"one"}), said.Decode(&r), enc.Encode(words{" two"}), said.Decode(&w)); err != nil {
		t.Fatal(err)
	}
	if !r.Ready || w.Text != "one two" {
		t.Errorf("%v, %q", r, w)
	}
	tell.Close() // whoever started it is gone
	if err := <-played; err != nil {
		t.Error(err)
	}
}

func TestARoleWithoutAnOrderIsNotPlayed(t *testing.T) {
	in, tell := io.Pipe()
	tell.Close()
	err := Serve(t.Context(), in, io.Discard, func(context.Context, *Parent) error {
		t.Error("it was")
		return nil
	})
	if !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}
