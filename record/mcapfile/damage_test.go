package mcapfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// nineChunks returns a closed recording of 225 messages in nine chunks, all on one channel.
func nineChunks(t testing.TB) (file []byte, chunks []stretch) {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, nil)
	if err != nil {
		t.Fatal(err)
	}
	ch, err := w.AddChannel(Channel{Topic: "a", Encoding: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 225 {
		data := fmt.Appendf(nil, "message %d, %d", i, i*i*7919)
		if err := w.Write(&Message{Channel: ch, Sequence: uint32(i), LogTime: uint64(i), Data: data}); err != nil {
			t.Fatal(err)
		}
		if i%25 == 24 {
			w.Cut()
		}
	}
	w.AddMetadata("figures", map[string]string{"lost": "0"})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	chunks = recordsOf(t, b.Bytes(), mcap.OpChunk)
	if len(chunks) != 9 {
		t.Fatalf("%d chunks", len(chunks))
	}
	return b.Bytes(), chunks
}

// withoutIndex takes the end of a file away, from the end of the messages on.
func withoutIndex(t testing.TB, file []byte) []byte {
	return file[:recordsOf(t, file, mcap.OpDataEnd)[0].off]
}

func TestReader_DamageInARecordHead(t *testing.T) {
	file, chunks := nineChunks(t)
	third := chunks[2].off
	index := recordsOf(t, file, mcap.OpMessageIndex)[2].off
	for name, damage := range map[string]func(b []byte){
		"length one off":               func(b []byte) { b[third+1] ^= 1 },
		"length far off":               func(b []byte) { b[third+4] ^= 0x80 },
		"length zero":                  func(b []byte) { clear(b[third+1 : third+9]) },
		"sector of zeros":              func(b []byte) { clear(b[third-30 : third+482]) },
		"opcode":                       func(b []byte) { b[third] = 0 },
		"length of the message index":  func(b []byte) { b[index+1] ^= 1 },
		"length of the index, far off": func(b []byte) { b[index+5] ^= 1 },
		"payload":                      func(b []byte) { b[third+80] ^= 1 },
		"first chunk":                  func(b []byte) { b[chunks[0].off+1] ^= 2 },
	} {
		t.Run(name, func(t *testing.T) {
			bad := slices.Clone(file)
			damage(bad)
			for _, c := range []struct {
				what   string
				file   []byte
				closed bool
			}{{"closed", bad, true}, {"not closed", withoutIndexOf(file, bad, t), false}} {
				lines, errs := readAllOf(t, c.file, nil)
				if name == "first chunk" && !c.closed {
					continue // it declares the channel, and nothing repeats that
				}
				if len(lines) < 200 || len(errs) == 0 {
					t.Errorf("%s: %d messages, want 200 at least; %v", c.what, len(lines), errs)
				}
				plan, err := NewPlan(bytes.NewReader(c.file), int64(len(c.file)), nil, nil)
				if err != nil || plan.Damage == nil || plan.Stats.Closed != c.closed {
					t.Fatalf("%s: closed is %v, %v, %v", c.what, plan.Stats.Closed, plan.Damage, err)
				}
				if got := planned(t, plan); !slices.Equal(got, lines) {
					t.Errorf("%s: %d messages in order, %d in the file", c.what, len(got), len(lines))
				}
			}
		})
	}
}

func withoutIndexOf(whole, bad []byte, t testing.TB) []byte {
	return bad[:len(withoutIndex(t, whole))]
}

func TestReader_DamageOfLooseRecords(t *testing.T) {
	_, want := written(t)
	file := byOtherTool(t, want, &mcap.WriterOptions{IncludeCRC: true})
	messages := recordsOf(t, file, mcap.OpMessage)
	for name, c := range map[string]struct {
		damage func(b []byte)
		least  int
	}{
		"length of a message": {func(b []byte) { b[messages[11].off+2] ^= 1 }, len(want) - 2},
		"opcode":              {func(b []byte) { b[messages[11].off] = 0 }, len(want) - 1},
	} {
		bad := slices.Clone(file)
		c.damage(bad)
		lines, errs := readAllOf(t, bad, nil)
		if len(lines) < c.least || len(errs) == 0 {
			t.Errorf("%s: %d of %d messages, %v", name, len(lines), len(want), errs)
		}
	}
}

func TestReader_ChecksumsAndCounts(t *testing.T) {
	file, chunks := nineChunks(t)
	_, lines := written(t)
	loose := byOtherTool(t, lines, &mcap.WriterOptions{IncludeCRC: true})
	statistics := recordsOf(t, file, mcap.OpStatistics)[0]
	for name, c := range map[string]struct {
		file []byte
		at   int64
		want string
	}{
		"opcode of a chunk":      {file, chunks[2].off, "it says 225 messages, and 200 were found"},
		"payload without chunks": {loose, recordsOf(t, loose, mcap.OpMessage)[0].end - 1, "the data section that begins at byte 0 is damaged: its CRC is wrong"},
		"attachment":             {loose, recordsOf(t, loose, mcap.OpAttachment)[0].end - 6, "attachment record at byte"},
		"metadata":               {file, recordsOf(t, file, mcap.OpMetadata)[0].end - 1, "the data section that begins at byte 0 is damaged: its CRC is wrong"},
		"summary":                {file, recordsOf(t, file, mcap.OpChunkIndex)[3].off + 20, "the summary at byte"},
		"count of messages":      {file, statistics.off + recordHead, "messages, and 225 were found"},
	} {
		bad := slices.Clone(c.file)
		bad[c.at] ^= 0x40
		if _, errs := readAllOf(t, c.file, nil); errs != nil {
			t.Errorf("%s: without damage %v", name, errs)
		}
		if _, errs := readAllOf(t, bad, nil); !strings.Contains(fmt.Sprint(errs), c.want) {
			t.Errorf("%s: got %v, want %q", name, errs, c.want)
		}
	}
}

func TestReader_FilesThatFollowEachOther(t *testing.T) {
	a, lines := written(t)
	b := byOtherTool(t, lines[:9], &mcap.WriterOptions{Chunked: true, ChunkSize: 200, IncludeCRC: true})
	want := slices.Concat(lines, lines[:9], lines)
	three := slices.Concat(a, b, a)
	got, errs := readAllOf(t, three, nil)
	if !slices.Equal(got, want) || errs != nil {
		t.Errorf("%d of %d messages, %v", len(got), len(want), errs)
	}
	plan, err := NewPlan(bytes.NewReader(three), int64(len(three)), nil, nil)
	if err != nil || plan.Damage != nil || plan.Stats.Files != 3 || !plan.Stats.Closed || plan.Messages != uint64(len(want)) {
		t.Fatalf("%v, %v, %+v", err, plan.Damage, plan.Stats)
	}
	if got := planned(t, plan); len(got) != len(want) {
		t.Errorf("%d messages in order, want %d", len(got), len(want))
	}

	var trailing *TrailingError
	got, errs = readAllOf(t, append(slices.Clone(a), "something else"...), nil)
	if len(got) != len(lines) || len(errs) != 1 || !errors.As(errs[0], &trailing) || trailing.Bytes != 14 || trailing.Offset != int64(len(a)) {
		t.Errorf("%d messages, %v", len(got), errs)
	}

	unclosed := slices.Concat(withoutIndex(t, a), b)
	got, errs = readAllOf(t, unclosed, nil)
	if len(got) != len(lines)+9 || !strings.Contains(fmt.Sprint(errs), "was not closed") {
		t.Errorf("%d messages behind a file that was not closed, %v", len(got), errs)
	}
}

// packed returns a frame.
func packed(t testing.TB, compression string, records []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = lz4.NewWriter(&b)
	if compression == "zstd" {
		var err error
		if w, err = zstd.NewWriter(&b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(records); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReader_FramesOfChunks(t *testing.T) {
	channel := record(mcap.OpChannel, slices.Concat([]byte{1, 0, 0, 0, 1, 0, 0, 0, 'a', 0, 0, 0, 0, 0, 0, 0, 0}))
	message := record(mcap.OpMessage, append([]byte{1}, make([]byte, messageHead-1+500)...))
	both := slices.Concat(channel, message)
	size := uint64(len(both))
	const lz4, zstd = "lz4", "zstd"
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	for name, c := range map[string]struct {
		compression string
		size        uint64
		packed      []byte
		messages    int
	}{
		"two lz4 frames":           {"lz4", size, join(packed(t, lz4, channel), packed(t, lz4, message)), 1},
		"two zstd frames":          {"zstd", size, join(packed(t, zstd, channel), packed(t, zstd, message)), 1},
		"zeros behind lz4":         {"lz4", size, join(packed(t, lz4, both), make([]byte, 20)), 1},
		"zeros behind zstd":        {"zstd", size, join(packed(t, zstd, both), make([]byte, 20)), 1},
		"compression none":         {"none", size, both, 1},
		"a frame too many of lz4":  {"lz4", size, join(packed(t, lz4, both), packed(t, lz4, message)), 0},
		"a frame too many of zstd": {"zstd", size, join(packed(t, zstd, both), packed(t, zstd, message)), 0},
		"a frame too few":          {"lz4", size + 1, packed(t, lz4, both), 0},
	} {
		for _, limits := range []*Limits{nil, {block: 100}} { // in memory, and as a stream
			file := append(slices.Clone(mcap.Magic), chunkRecord(c.compression, c.size, 0, c.packed)...)
			lines, errs := readAllOf(t, file, limits)
			if len(lines) != c.messages {
				t.Errorf("%s: %d messages, want %d; %v", name, len(lines), c.messages, errs)
			}
		}
	}
}
