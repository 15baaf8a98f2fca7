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
	in, toChild := io.Pipe()
	fromChild, out := io.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- Serve(t.Context(), in, out, func(ctx context.Context, d *Parent) error {
			var request, message words
			if err := errors.Join(d.Request(&request), d.Ready(), json.Unmarshal(<-d.Messages(), &message)); err != nil {
				return err
			}
			if err := d.Reply(words{request.Text + message.Text}); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		})
	}()
	replies, enc := json.NewDecoder(fromChild), json.NewEncoder(toChild)
	var r ready
	var w words
	if err := errors.Join(enc.Encode(words{"one"}), replies.Decode(&r), enc.Encode(words{" two"}), replies.Decode(&w)); err != nil {
		t.Fatal(err)
	}
	if !r.Ready || w.Text != "one two" {
		t.Errorf("%v, %q", r, w)
	}
	toChild.Close() // the parent has ended
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestARoleWithoutAnOrderIsNotPlayed(t *testing.T) {
	in, toChild := io.Pipe()
	toChild.Close()
	err := Serve(t.Context(), in, io.Discard, func(context.Context, *Parent) error {
		t.Error("it was")
		return nil
	})
	if !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}
