package mcapfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
)

// A line is a message in a form that is easy to compare.
type line struct {
	Topic, Encoding, SchemaName, SchemaEncoding, Schema string
	Sequence                                            uint32
	LogTime, PublishTime                                uint64
	Data                                                string
}

func lineOf(m *Message) line {
	c := m.Channel
	return line{c.Topic, c.Encoding, c.SchemaName, c.SchemaEncoding, string(c.Schema), m.Sequence, m.LogTime, m.PublishTime, string(m.Data)}
}

// readAllOf returns the messages of a file and what ended them or was wrong between them.
func readAllOf(t testing.TB, file []byte, limits *Limits) ([]line, []error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file), int64(len(file)), limits)
	if err != nil {
		return nil, []error{err}
	}
	return readRest(r)
}

func readRest(r *Reader) (lines []line, errs []error) {
	var m Message
	for {
		err := r.Next(&m)
		switch {
		case err == nil:
			lines = append(lines, lineOf(&m))
			continue
		case err == io.EOF:
			return lines, errs
		}
		errs = append(errs, err)
		if !Recoverable(err) {
			return lines, errs
		}
	}
}

// byLibrary reads a file with the mcap library, CRCs checked.
func byLibrary(t testing.TB, file []byte) []line {
	t.Helper()
	lexer, err := mcap.NewLexer(bytes.NewReader(file), &mcap.LexerOptions{ValidateChunkCRCs: true})
	if err != nil {
		t.Fatal(err)
	}
	defer lexer.Close()
	schemas := map[uint16]*mcap.Schema{0: {}}
	channels := map[uint16]*mcap.Channel{}
	var lines []line
	for {
		token, b, err := lexer.Next(nil)
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token {
		case mcap.TokenSchema:
			s, err := mcap.ParseSchema(b)
			if err != nil {
				t.Fatal(err)
			}
			schemas[s.ID] = s
		case mcap.TokenChannel:
			c, err := mcap.ParseChannel(b)
			if err != nil {
				t.Fatal(err)
			}
			channels[c.ID] = c
		case mcap.TokenMessage:
			m, err := mcap.ParseMessage(b)
			if err != nil {
				t.Fatal(err)
			}
			c := channels[m.ChannelID]
			if c == nil {
				t.Fatalf("a message before its channel %d", m.ChannelID)
			}
			s := schemas[c.SchemaID]
			lines = append(lines, line{c.Topic, c.MessageEncoding, s.Name, s.Encoding, string(s.Data), m.Sequence, m.LogTime, m.PublishTime, string(m.Data)})
		}
	}
}

// recordings returns the real recordings of other people's systems that are kept outside of the repository.
func recordings(t testing.TB) map[string][]byte {
	t.Helper()
	paths, _ := filepath.Glob("../../../shared/data/*.mcap")
	if len(paths) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("../shared/data, beside the checkout, holds no recordings")
		}
		t.Skip("put MCAP files of other tools into ../shared/data, beside the checkout, to run this test")
	}
	files := make(map[string][]byte)
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(p)] = b
	}
	return files
}

// variety is one channel of every kind that matters to a file.
var variety = []Channel{
	{Topic: "raw", Encoding: "raw"},
	{Topic: "text", Encoding: "string", SchemaName: "string"},
	{Topic: "/pack", Encoding: "msgpack", SchemaName: "robot.Pose"},
	{Topic: "cbor/x", Encoding: "cbor", SchemaName: "robot.Pose"},
	{Topic: "json", Encoding: "json", SchemaName: "Event", SchemaEncoding: "jsonschema", Schema: []byte(`{"type":"object"}`)},
	{Topic: "proto", Encoding: "protobuf", SchemaName: "a.B", SchemaEncoding: "protobuf", Schema: []byte{10, 0, 255}},
	{Topic: "/ros", Encoding: "cdr", SchemaName: "std_msgs/msg/String", SchemaEncoding: "ros2msg", Schema: []byte("string data"), Metadata: map[string]string{"offered_qos_profiles": "", "b": "a"}},
	{Topic: "unknown", Encoding: ""},
	{Topic: "odd", Encoding: "x", Schema: []byte("a schema without a name or an encoding")},
}

// writeVariety adds n messages on every channel of variety and returns them in order.
func writeVariety(t testing.TB, w *Writer, n int) []line {
	t.Helper()
	var lines []line
	var channels []*Channel
	for _, c := range variety {
		ch, err := w.AddChannel(c)
		if err != nil {
			t.Fatal(err)
		}
		channels = append(channels, ch)
	}
	for i := range n {
		for j, ch := range channels {
			at := 1_700_000_000_000_000_000 + uint64(i*1000+j)
			m := Message{Channel: ch, Sequence: uint32(i + 1), LogTime: at + 5, PublishTime: at, Data: fmt.Appendf(nil, "message %d of %s", i, ch.Topic)}
			if i == 0 {
				m.Data = nil
			}
			if err := w.Write(&m); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, lineOf(&m))
		}
	}
	return lines
}

// A stretch is where a record of a file is, with its head.
type stretch struct{ off, end int64 }

// recordsOf returns where the records of a kind are, outside of chunks.
func recordsOf(t testing.TB, file []byte, op mcap.OpCode) (found []stretch) {
	t.Helper()
	w := newWalker(bytes.NewReader(file), int64(len(file)), (*Limits)(nil).shares())
	for w.seek(int64(len(mcap.Magic))); w.pos < int64(len(file)-len(mcap.Magic)); {
		at := w.pos
		got, err := w.nextOfFile()
		if err != nil {
			t.Fatal(err)
		}
		if got == op {
			found = append(found, stretch{at, w.pos})
		}
	}
	return found
}
