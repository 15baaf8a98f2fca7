package record

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/shmbus/shmbus/record/mcapfile"
)

func TestRead_Ends(t *testing.T) {
	var file bytes.Buffer
	w, err := mcapfile.NewWriter(&file, nil)
	if err != nil {
		t.Fatal(err)
	}
	ch, err := w.AddChannel(mcapfile.Channel{Topic: "a", Encoding: "json", SchemaName: "T", SchemaEncoding: "jsonschema", Schema: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(10) {
		if err := w.Write(&mcapfile.Message{Channel: ch, LogTime: 100 - i, Data: []byte{byte('0' + i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "f.mcap")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var payloads []byte
	var schema *byte
	s, err := Read(t.Context(), path, nil, func(m *Message) error {
		payloads = append(payloads, m.Payload...)
		if first := &m.Type.Schema[0]; schema != nil && first != schema {
			t.Error("two messages of a channel have their schema in different memory")
		} else {
			schema = first
		}
		return nil
	})
	if err != nil || string(payloads) != "9876543210" || s.Messages != 10 || s.Bytes != 10 || s.Damage != nil || s.FileSize != int64(file.Len()) {
		t.Errorf("%q, %+v, %v", payloads, s, err)
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancel(t.Context())
	for _, end := range []error{enough, context.Canceled} {
		n := 0
		s, err := Read(ctx, path, nil, func(*Message) error {
			if n++; n == 3 {
				if end == enough {
					return end
				}
				cancel()
			}
			return nil
		})
		if !errors.Is(err, end) || n != 3 {
			t.Errorf("%v after %d messages: %+v", err, n, s)
		}
	}
	cancel()
}
