package mcapfile

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"testing"
	"time"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/google/go-cmp/cmp"
)

// lexed returns what is in a file, in order: the names of metadata records with their values, the topics of channels outside
// of chunks, and the messages of each chunk.
func lexed(t *testing.T, b []byte) (parts []any) {
	t.Helper()
	lexer, err := mcap.NewLexer(bytes.NewReader(b), &mcap.LexerOptions{EmitChunks: true})
	if err != nil {
		t.Fatal(err)
	}
	defer lexer.Close()
	for {
		token, body, err := lexer.Next(nil)
		if err != nil {
			t.Fatal(err)
		}
		switch token {
		case mcap.TokenDataEnd:
			return parts
		case mcap.TokenMetadata:
			m, err := mcap.ParseMetadata(body)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, m.Name, m.Metadata)
		case mcap.TokenChannel:
			c, err := mcap.ParseChannel(body)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, "channel "+c.Topic)
		case mcap.TokenChunk:
			parts = append(parts, "chunk")
		}
	}
}

func TestWriter_MetadataStandsBeforeItsChunk(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, nil)
	if err != nil {
		t.Fatal(err)
	}
	ch, err := w.AddChannel(Channel{Topic: "a"})
	if err != nil {
		t.Fatal(err)
	}
	write := func() {
		if err := w.Write(&Message{Channel: ch, LogTime: 1}); err != nil {
			t.Fatal(err)
		}
	}
	write()
	w.PutMetadata("m", "1", "first")
	w.PutMetadata("n", "1", "x")
	write()
	w.PutMetadata("m", "2", "y")
	w.PutMetadata("m", "1", "last")
	w.Cut()
	w.Cut() // nothing is there to be cut
	w.PutMetadata("m", "3", "z")
	write()
	w.Cut()
	w.PutMetadata("n", "4", "behind the messages")
	w.AddMetadata("end", map[string]string{"k": "v"})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := []any{
		"m", map[string]string{"1": "last", "2": "y"}, "n", map[string]string{"1": "x"}, "channel a", "chunk",
		"m", map[string]string{"3": "z"}, "chunk",
		"n", map[string]string{"4": "behind the messages"}, "end", map[string]string{"k": "v"},
	}
	if diff := cmp.Diff(want, lexed(t, b.Bytes())); diff != "" {
		t.Error(diff)
	}
}

func TestWriter_MuchMetadataIsWrittenWithoutMessages(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		w.PutMetadata("m", string(rune('a'+i)), string(make([]byte, mostMetadata)))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if parts := lexed(t, b.Bytes()); len(parts) != 6 {
		t.Errorf("%d parts", len(parts))
	}
}

func TestWriter_ChannelsWithoutMessages(t *testing.T) {
	for name, messages := range map[string]int{"beside messages": 1, "alone": 0} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			w, err := NewWriter(&b, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, topic := range []string{"a", "silent", "silent too"} {
				ch, err := w.AddChannel(Channel{Topic: topic, SchemaName: topic})
				if err != nil {
					t.Fatal(err)
				}
				if i < messages {
					if err := w.Write(&Message{Channel: ch, LogTime: 7}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()), nil)
			if err != nil {
				t.Fatal(err)
			}
			for m := (Message{}); ; {
				if err := r.Next(&m); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if got := r.Channels(); len(got) != 3 || got[1].Topic != "silent" || got[2].SchemaName != "silent too" {
				t.Errorf("%+v", got)
			}
			other, err := mcap.NewReader(bytes.NewReader(b.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			info, err := other.Info()
			if err != nil || len(info.Channels) != 3 || len(info.Schemas) != 3 || info.Statistics.MessageCount != uint64(messages) ||
				info.Statistics.MessageStartTime != uint64(7*messages) || len(info.ChunkIndexes) != messages {
				t.Errorf("%+v, %v", info, err)
			}
		})
	}
}

// A part begins with the values that its first messages need: the newest of each OF that was written before, unless its messages have ended.
func TestWriter_PartsBeginWithTheMetadataThatApplies(t *testing.T) {
	w := newPartWriter(t, WriterOptions{Repeat: true})
	w.begin(0)
	pose := w.channel("pose")
	for _, key := range []string{"a:9", "b:2", "gone:1", "plain"} {
		w.PutMetadata("m", key, "earlier")
	}
	w.put(pose, 1, Extra{})
	w.Cut()
	w.PutMetadata("m", "a:10", "newest")
	w.EndMetadata("m", "gone")
	w.put(pose, 2, Extra{})
	w.end()
	w.begin(0)
	w.PutMetadata("m", "b:3", "later")
	w.put(pose, 3, Extra{})
	w.end()
	w.begin(0)
	w.end()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []map[string]string{
		{"a:9": "earlier", "b:2": "earlier", "gone:1": "earlier", "plain": "earlier", "a:10": "newest"},
		{"a:10": "newest", "b:2": "earlier", "b:3": "later"}, {"a:10": "newest", "b:3": "later"},
	} {
		if err := <-w.ended; err != nil {
			t.Fatal(err)
		}
		if got := w.metadata(i, "m"); !maps.Equal(got, want) {
			t.Errorf("part %d has %v, want %v", i+1, got, want)
		}
	}
}

// What an ended publisher had is not moved on from messages that are dropped.
func TestWriter_DroppedMetadataOfAnEndedPublisher(t *testing.T) {
	w := newPartWriter(t, WriterOptions{Repeat: true, ChunkSize: 1000})
	defer w.Close()
	w.begin(0)
	pose := w.channel("pose")
	w.PutMetadata("m", "early:1", "x")
	w.put(pose, 0, Extra{})
	w.end()
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	w.Hold(time.Hour, 10_000)
	w.PutMetadata("m", "gone:1", "x")
	w.PutMetadata("m", "stays:1", "x")
	w.EndMetadata("m", "gone")
	w.EndMetadata("m", "early")
	for i := range 1000 {
		w.put(pose, i, Extra{})
	}
	w.begin(0)
	w.end()
	if err := errors.Join(<-w.ended, <-w.ended); err != nil {
		t.Fatal(err)
	}
	if got, want := w.metadata(1, "m"), map[string]string{"stays:1": "x"}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
