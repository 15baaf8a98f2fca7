package mcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// closed reports what a Reader says of the end of a file.
func closed(t *testing.T, file []byte) bool {
	t.Helper()
	p, err := NewPlan(bytes.NewReader(file), int64(len(file)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.Stats.Closed
}

func TestReader_DamageInTheHeadOfARecord(t *testing.T) {
	ours, want := written(t)
	whole := map[string][]byte{
		"with an index": ours,
		"without an index": byOtherTool(t, want, &mcap.WriterOptions{
			Chunked: true, ChunkSize: 400, IncludeCRC: true, SkipChunkIndex: true, SkipMessageIndexing: true, SkipSummaryOffsets: true,
		}),
	}
	damages := map[string]func(head []byte){
		"low bit of the length":  func(head []byte) { head[1] ^= 1 },
		"high bit of the length": func(head []byte) { head[4] ^= 0x80 },
		"sign of the length":     func(head []byte) { head[8] ^= 0x80 },
		"type":                   func(head []byte) { head[0] = 0x46 },
		"zeros":                  func(head []byte) { clear(head) },
	}
	for name, file := range whole {
		chunks := recordsOf(t, file, mcap.OpChunk)
		if len(chunks) < 5 {
			t.Fatalf("%s: %d chunks", name, len(chunks))
		}
		third := chunks[2]
		alone := slices.Clone(file) // the messages of the other chunks
		alone[third.end-3] ^= 1
		left, _ := readAllOf(t, alone, nil)
		if len(left) == 0 || len(left) >= len(want) {
			t.Fatalf("%s: %d of %d messages without the third chunk", name, len(left), len(want))
		}
		for damage, do := range damages {
			t.Run(name+", "+damage, func(t *testing.T) {
				bad := slices.Clone(file)
				do(bad[third.off:][:recordHead])
				got, errs := readAllOf(t, bad, nil)
				if diff := cmp.Diff(left, got); diff != "" {
					t.Error(diff)
				}
				if len(errs) == 0 || !Passable(errs[0]) {
					t.Errorf("got %v", errs)
				}
				if !closed(t, bad) {
					t.Error("the end of the file is there, and it is said not to be closed")
				}
			})
		}
	}
}

func TestReader_DamageThatOnlyChecksumsShow(t *testing.T) {
	ours, want := written(t)
	plain := byOtherTool(t, want, &mcap.WriterOptions{IncludeCRC: true})
	flipped := func(file []byte, what string, by byte) []byte {
		at := bytes.Index(file, []byte(what))
		if at < 0 {
			t.Fatalf("%q is not in the file", what)
		}
		bad := slices.Clone(file)
		bad[at] ^= by
		return bad
	}
	summary := slices.Clone(ours)
	footer := recordsOf(t, ours, mcap.OpFooter)[0]
	statistics := recordsOf(t, ours, mcap.OpStatistics)[0]
	summary[statistics.off+recordHead] ^= 1 // one message more or less
	chunks := recordsOf(t, ours, mcap.OpChunk)
	opcode := slices.Clone(ours)
	opcode[chunks[2].off] = 0x86
	counts := slices.Clone(ours) // a chunk that is no record the format has, and no checksum shows it
	counts[chunks[2].off] = 0x86
	clear(counts[recordsOf(t, ours, mcap.OpDataEnd)[0].off+recordHead:][:4])
	clear(counts[footer.end-4 : footer.end])
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"payload outside of a chunk": {flipped(plain, "message 2 of text", 1), "its CRC is wrong"},
		"attachment":                 {flipped(plain, "blob", 1), "attachment record"},
		"metadata":                   {flipped(ours, "figures", 1), "its CRC is wrong"},
		"summary":                    {summary, "the summary"},
		"type of a chunk":            {opcode, "messages"},
		"counts alone":               {counts, "messages"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := readAllOf(t, c.file, nil)
			if !strings.Contains(fmt.Sprint(errs), c.want) {
				t.Errorf("got %v, want %q", errs, c.want)
			}
			for _, err := range errs {
				if !Passable(err) {
					t.Errorf("reading ended with %v", err)
				}
			}
			if !closed(t, c.file) {
				t.Error("it is said not to be closed")
			}
		})
	}
}

func TestReader_FilesThatFollowEachOther(t *testing.T) {
	first, lines := written(t)
	second := byOtherTool(t, lines[:7], &mcap.WriterOptions{Chunked: true, IncludeCRC: true, Compression: mcap.CompressionZSTD})
	got, errs := readAllOf(t, slices.Concat(first, second, first), nil)
	if diff := cmp.Diff(slices.Concat(lines, lines[:7], lines), got); diff != "" || errs != nil {
		t.Errorf("%v\n%s", errs, diff)
	}
	got, errs = readAllOf(t, slices.Concat(first, second, []byte("17 further bytes.")), nil)
	var trailing *TrailingError
	if len(errs) != 1 || !errors.As(errs[0], &trailing) || trailing.Bytes != 17 || trailing.Offset != int64(len(first)+len(second)) {
		t.Errorf("got %v", errs)
	}
	if len(got) != len(lines)+7 {
		t.Errorf("%d messages", len(got))
	}
	// The first was not closed: its writer was killed, and another one went on behind it.
	end := recordsOf(t, first, mcap.OpDataEnd)[0].off
	got, errs = readAllOf(t, slices.Concat(first[:end], second), nil)
	if len(got) != len(lines)+7 || !strings.Contains(fmt.Sprint(errs), "it was not closed") {
		t.Errorf("%d messages, %v", len(got), errs)
	}
}

func TestReader_FramesOfAChunk(t *testing.T) {
	var records []byte
	records = append(records, record(mcap.OpChannel, slices.Concat(make([]byte, 4), []byte{1, 0, 0, 0, 'a'}, make([]byte, 8)))...)
	for i := range 100 {
		body := binary.LittleEndian.AppendUint64(make([]byte, messageHead-16), uint64(i))
		records = append(records, record(mcap.OpMessage, append(body, make([]byte, 8+100)...))...)
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	pack := map[string]func([]byte) []byte{
		"zstd": func(b []byte) []byte { return encoder.EncodeAll(b, nil) },
		"lz4": func(b []byte) []byte {
			var packed bytes.Buffer
			w := lz4.NewWriter(&packed)
			if _, err := w.Write(b); err != nil || w.Close() != nil {
				t.Fatal(err)
			}
			return packed.Bytes()
		},
		"none": func(b []byte) []byte { return b },
	}
	half := len(records) / 2
	for compression, packed := range pack {
		for name, chunk := range map[string][]byte{
			"one frame":         packed(records),
			"two frames":        slices.Concat(packed(records[:half]), packed(records[half:])),
			"zeros behind them": append(packed(records), 0, 0, 0, 0),
		} {
			if compression == "none" && name == "zeros behind them" {
				continue // then they are records
			}
			for _, limits := range []*Limits{nil, {block: 1 << 10}} { // 1 KiB: the chunk is streamed
				file := slices.Concat(mcap.Magic, record(mcap.OpHeader, make([]byte, 8)), chunkRecord(compression, uint64(len(records)), crc32.ChecksumIEEE(records), chunk),
					record(mcap.OpDataEnd, make([]byte, 4)), record(mcap.OpFooter, make([]byte, 20)), mcap.Magic)
				if got, errs := readAllOf(t, file, limits); len(got) != 100 || errs != nil {
					t.Errorf("%s, %s: %d messages, %v", compression, name, len(got), errs)
				}
			}
		}
	}
}
