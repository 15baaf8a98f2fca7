package mcapfile

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestWriter_MessageOverTheLimit(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("a slice of more than MaxMessage bytes does not fit into this address space")
	}
	var file bytes.Buffer
	w, err := NewWriter(&file, nil)
	if err != nil {
		t.Fatal(err)
	}
	ch, err := w.AddChannel(Channel{Topic: "map"})
	if err != nil {
		t.Fatal(err)
	}
	large := make([]byte, MaxMessage+1) // untouched pages, which take no memory
	var size *MessageSizeError
	if err := w.Write(&Message{Channel: ch, Data: large}); !errors.As(err, &size) || size.Size != len(large) || size.Limit != MaxMessage || size.Topic != "map" {
		t.Fatalf("got %v", err)
	}
	if err := w.Write(&Message{Channel: ch, Data: []byte("small")}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	lines, errs := readAllOf(t, file.Bytes(), nil)
	if len(lines) != 1 || lines[0].Data != "small" || errs != nil {
		t.Errorf("%v, %v", lines, errs)
	}
}
