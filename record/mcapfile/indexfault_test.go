package mcapfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
)

// threeChunks is a file of the mcap library with a chunk of channel "a" and two of "b", whose index change may change before it is written. In the
// second chunk declare may declare something.
func threeChunks(t testing.TB, change func(w *mcap.Writer), declare *mcap.Channel) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := mcap.NewWriter(&file, &mcap.WriterOptions{Chunked: true, ChunkSize: 1, IncludeCRC: true})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.WriteHeader(&mcap.Header{}))
	for i, topic := range []string{"a", "b"} {
		id := uint16(i + 1)
		must(w.WriteSchema(&mcap.Schema{ID: id, Name: "T" + topic, Data: []byte{}}))
		must(w.WriteChannel(&mcap.Channel{ID: id, SchemaID: id, Topic: topic}))
	}
	must(w.WriteMessage(&mcap.Message{ChannelID: 1, LogTime: 1}))
	if declare != nil {
		must(w.WriteChannel(declare))
	}
	must(w.WriteMessage(&mcap.Message{ChannelID: 2, LogTime: 2}))
	must(w.WriteMessage(&mcap.Message{ChannelID: 2, LogTime: 3}))
	change(w)
	must(w.Close())
	return file.Bytes()
}

func TestIndexedPlan_ChunkThatContradictsTheSummary(t *testing.T) {
	file := threeChunks(t, func(*mcap.Writer) {}, &mcap.Channel{ID: 2, Topic: "c"})
	p, ok, err := NewIndexedPlan(bytes.NewReader(file), int64(len(file)), nil, nil)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if got := inOrder(t, p, 0); got != "1a 3b " || p.Unread() == nil {
		t.Errorf("%s, %v", got, p.Unread())
	}
}

func TestIndexes_ThatMislead(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *mcap.Writer)
		want   string // of Check; "" = nothing
	}{
		"right": {func(*mcap.Writer) {}, ""},
		"a chunk lacks its channel": {
			func(w *mcap.Writer) { w.ChunkIndexes[1].MessageIndexOffsets = map[uint16]uint64{} },
			"the index says where 0 message indexes of the chunk are, and there are 1",
		},
		"a chunk has another channel": {
			func(w *mcap.Writer) {
				w.ChunkIndexes[1].MessageIndexOffsets = map[uint16]uint64{1: w.ChunkIndexes[1].MessageIndexOffsets[2]}
			},
			"the index says where 1 message indexes of the chunk are, and there are 1: others, or elsewhere",
		},
		"the message index is elsewhere": {
			func(w *mcap.Writer) {
				w.ChunkIndexes[1].MessageIndexOffsets[2] = w.ChunkIndexes[0].MessageIndexOffsets[1]
			},
			"others, or elsewhere",
		},
	} {
		file := threeChunks(t, c.change, nil)
		var errors []string
		for _, f := range checked(t, file).Findings {
			if f.Severity == IsError {
				errors = append(errors, f.Text)
			}
		}
		if got := strings.Join(errors, "\n"); len(errors) > 1 || !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		p, ok, err := NewIndexedPlan(bytes.NewReader(file), int64(len(file)), nil, func(c *Channel) bool { return c.Topic == "b" })
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			if got := inOrder(t, p, 0); got != "2b 3b " {
				t.Errorf("%s: played %q", name, got)
			}
		}
		if leads := !strings.Contains(name, "channel"); ok != leads {
			t.Errorf("%s: the index is used: %v", name, ok)
		}
	}
}

// without returns a file without the i-th record of a type, in its summary.
func without(t testing.TB, file []byte, op mcap.OpCode, i int) []byte {
	t.Helper()
	gone := recordsOf(t, file, op)[i]
	file = slices.Delete(slices.Clone(file), int(gone.off), int(gone.end))
	footer := file[len(file)-len(mcap.Magic)-footerSize+recordHead:]
	n := binary.LittleEndian.Uint64(footer[8:])
	binary.LittleEndian.PutUint64(footer[8:], n-uint64(gone.end-gone.off))
	return resum(t, file)
}

func TestCheck_SummaryWithoutDefinitions(t *testing.T) {
	file := threeChunks(t, func(*mcap.Writer) {}, &mcap.Channel{ID: 3, Topic: "silent"})
	n := len(recordsOf(t, file, mcap.OpChannel))
	for name, c := range map[string]struct {
		file []byte
		want Finding
	}{
		"a channel":        {without(t, file, mcap.OpChannel, n-2), Finding{Severity: IsError, Text: `the summary lacks channel 2 ("b"), which has 2 messages`}},
		"a silent channel": {without(t, file, mcap.OpChannel, n-1), Finding{Severity: IsWarning, Text: `the summary lacks channel 3 ("silent"), which has 0 messages`}},
		"a schema":         {without(t, file, mcap.OpSchema, len(recordsOf(t, file, mcap.OpSchema))-1), Finding{Severity: IsError, Text: `the summary lacks schema 2 ("Tb")`}},
	} {
		var texts []string
		for _, f := range checked(t, c.file).Findings {
			texts = append(texts, fmt.Sprint(f.Severity, " ", f.Text))
		}
		if got, want := strings.Join(texts, "\n"), fmt.Sprint(c.want.Severity, " ", c.want.Text); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
