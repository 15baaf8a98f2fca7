package record

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

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

// Times of any year that RFC 3339 can say choose what they say.
func TestLogTimeOf(t *testing.T) {
	for text, want := range map[string]uint64{
		"1500-01-01T00:00:00Z":           0,
		"1969-12-31T23:59:59Z":           0,
		"1970-01-01T00:00:00.000000001Z": 1,
		"2262-04-11T23:47:16.854775808Z": 1 << 63,
		"2554-07-21T23:34:32.5Z":         18446744072_500000000,
		"2610-04-24T08:34:30Z":           math.MaxUint64,
		"9999-12-31T23:59:59Z":           math.MaxUint64,
	} {
		at, err := time.Parse(time.RFC3339, text)
		if got := LogTimeOf(at); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", text, got, err, want)
		}
		if 0 < want && want < math.MaxUint64 && !wallTime(want).Equal(at) {
			t.Errorf("%s: back as %v", text, wallTime(want))
		}
	}
	path := file(t, spec{0, second, 0, "x"}, spec{0, math.MaxUint64, 0, "y"})
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		o    ReadOptions
		want string
	}{
		"all": {ReadOptions{Start: year(1500), End: year(9999)}, "xy"}, "none too late": {ReadOptions{End: year(2610)}, "xy"},
		"one": {ReadOptions{End: year(2300)}, "x"}, "the last": {ReadOptions{Start: year(2300)}, "y"},
	} {
		got := ""
		if _, err := Read(t.Context(), path, &c.o, func(m *Message) error { got += string(m.Payload); return nil }); err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
	if err := CheckTimes(0, math.MaxUint64, math.MaxUint64, math.MaxUint64); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}

// A file without publish times has none with an offset either.
func TestPlayFile_NoPublishTime(t *testing.T) {
	f := &playFile{offset: time.Second}
	for publish, want := range map[uint64]uint64{0: 0, 5: 5 + second} {
		m := f.message(mcapfile.Message{LogTime: 7, PublishTime: publish}, ByPublishTime)
		if m.LogTime != 7+second || m.PublishTime != want || m.time != publish+second {
			t.Errorf("published at %d: %+v", publish, m)
		}
	}
}
