package mcapfile

import (
	"bytes"
	"slices"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
)

// salvaged returns the messages of a file, also those of a chunk that is cut off.
func salvaged(t testing.TB, file []byte) ([]line, []error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file), int64(len(file)), nil)
	if err != nil {
		return nil, []error{err}
	}
	r.Salvage()
	return readRest(r)
}

func TestReader_EveryFlippedByte(t *testing.T) {
	file, lines := written(t)
	known := make(map[line]bool)
	for _, l := range lines {
		known[l] = true
	}
	// MCAP has no checksum of a single record outside of chunks: with a damaged declaration, messages may come as those of another topic.
	// That something is damaged is reported.
	chunks := recordsOf(t, file, mcap.OpChunk)
	for at := range file {
		for _, flip := range []byte{1, 0x80, 0xff} {
			bad := slices.Clone(file)
			bad[at] ^= flip
			got, errs := salvaged(t, bad)
			if len(errs) == 0 {
				t.Errorf("byte %d ^ %#x: no error", at, flip)
			}
			for _, l := range got {
				if !known[l] && slices.ContainsFunc(chunks, func(c stretch) bool { return c.off <= int64(at) && int64(at) < c.end }) {
					t.Fatalf("byte %d ^ %#x: a message that was not written: %+v", at, flip, l)
				}
			}
			report, err := Check(bytes.NewReader(bad), int64(len(bad)), nil, nil)
			if err == nil && report.Errors == 0 {
				t.Errorf("byte %d ^ %#x: nothing found", at, flip)
			}
		}
	}
}

// inTime returns messages by log time.
func inTime(lines []line) []line {
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b line) int { return compareTimes(a.LogTime, b.LogTime) })
	return lines
}

func TestReader_EveryLength(t *testing.T) {
	_, lines := written(t)
	lines = lines[:12]
	for name, opts := range map[string]*mcap.WriterOptions{
		"zstd":        {Chunked: true, ChunkSize: 400, IncludeCRC: true, Compression: mcap.CompressionZSTD},
		"lz4":         {Chunked: true, ChunkSize: 400, IncludeCRC: true, Compression: mcap.CompressionLZ4},
		"none":        {Chunked: true, ChunkSize: 400, IncludeCRC: true},
		"not chunked": {IncludeCRC: true},
	} {
		file := byOtherTool(t, lines, opts)
		end := recordsOf(t, file, mcap.OpDataEnd)[0].off
		most, before := 0, 0
		for n := range file {
			got, errs := salvaged(t, file[:n])
			if len(errs) == 0 {
				t.Errorf("%s, %d bytes: no error", name, n)
			}
			if !slices.Equal(got, lines[:len(got)]) {
				t.Fatalf("%s, %d bytes: other messages", name, n)
			}
			plain, _ := readAllOf(t, file[:n], nil)
			if len(got) > len(plain) {
				plan, err := NewSalvagingPlan(bytes.NewReader(file), int64(n), &Limits{block: 100}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(planned(t, plan), inTime(got)) {
					t.Fatalf("%s, %d bytes: other messages by log time", name, n)
				}
			}
			if len(got) < len(plain) || n >= int(end) && len(got) != len(lines) {
				t.Errorf("%s, %d bytes: %d messages, %d without those of the last chunk", name, n, len(got), len(plain))
			}
			if len(got) < before {
				t.Errorf("%s, %d bytes: %d messages, and one byte less has %d", name, n, len(got), before)
			}
			most, before = max(most, len(got)-len(plain)), len(got)
		}
		if name == "none" && most < 3 {
			t.Errorf("%s: at most %d messages of a chunk that is cut off", name, most)
		}
	}
}
