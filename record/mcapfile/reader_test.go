package mcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/google/go-cmp/cmp"
)

// written returns a small file with a few chunks, and its messages.
func written(t testing.TB) ([]byte, []line) {
	t.Helper()
	var file bytes.Buffer
	w, err := NewWriter(&file, &WriterOptions{ChunkSize: 400})
	if err != nil {
		t.Fatal(err)
	}
	lines := writeVariety(t, w, 3)
	w.AddMetadata("figures", map[string]string{"a": "1"})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes(), lines
}

// byOtherTool returns the same messages as a file of the mcap library.
func byOtherTool(t testing.TB, lines []line, opts *mcap.WriterOptions) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := mcap.NewWriter(&file, opts)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.WriteHeader(&mcap.Header{Profile: "ros2"}))
	channels := map[string]uint16{}
	for i, l := range lines {
		id, ok := channels[l.Topic]
		if !ok {
			id = uint16(len(channels) + 1)
			channels[l.Topic] = id
			c := &mcap.Channel{ID: id, Topic: l.Topic, MessageEncoding: l.Encoding}
			if l.SchemaName != "" || l.Schema != "" {
				c.SchemaID = id
				must(w.WriteSchema(&mcap.Schema{ID: id, Name: l.SchemaName, Encoding: l.SchemaEncoding, Data: []byte(l.Schema)}))
			}
			must(w.WriteChannel(c))
		}
		if i == 3 {
			must(w.WriteAttachment(&mcap.Attachment{Name: "a", DataSize: 4, Data: strings.NewReader("blob")}))
			must(w.WriteMetadata(&mcap.Metadata{Name: "m", Metadata: map[string]string{"k": "v"}}))
		}
		must(w.WriteMessage(&mcap.Message{ChannelID: id, Sequence: l.Sequence, LogTime: l.LogTime, PublishTime: l.PublishTime, Data: []byte(l.Data)}))
	}
	must(w.Close())
	return file.Bytes()
}

func TestReader_FilesOfOtherTools(t *testing.T) {
	_, want := written(t)
	for name, opts := range map[string]*mcap.WriterOptions{
		"not chunked": {},
		"none":        {Chunked: true, ChunkSize: 200, IncludeCRC: true},
		"lz4":         {Chunked: true, ChunkSize: 200, IncludeCRC: true, Compression: mcap.CompressionLZ4},
		"zstd":        {Chunked: true, ChunkSize: 200, IncludeCRC: true, Compression: mcap.CompressionZSTD},
		"no CRC":      {Chunked: true, ChunkSize: 200, Compression: mcap.CompressionZSTD},
		"no index":    {Chunked: true, SkipChunkIndex: true, SkipMessageIndexing: true, SkipStatistics: true, SkipSummaryOffsets: true, SkipRepeatedChannelInfos: true, SkipRepeatedSchemas: true},
	} {
		t.Run(name, func(t *testing.T) {
			file := byOtherTool(t, want, opts)
			got, errs := readAllOf(t, file, nil)
			if diff := cmp.Diff(want, got); diff != "" || errs != nil {
				t.Errorf("%v\n%s", errs, diff)
			}
			plan, err := NewPlan(bytes.NewReader(file), int64(len(file)), nil, nil)
			if err != nil || plan.Damage != nil {
				t.Fatalf("%v, %v", err, plan.Damage)
			}
			s := plan.Stats
			if s.Profile != "ros2" || len(s.Attachments) != 1 || len(s.Metadata) != 1 || s.Metadata[0].Values["k"] != "v" || !s.Closed {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestReader_RealRecordingsAsTheLibrary(t *testing.T) {
	counts := map[string]int{
		"lichtblick_example_logs.mcap": 1111, "ros2_talker.mcap": 35, "rosbag2_wbag_0.mcap": 1246, "rosbag2_wbag_1.mcap": 1240,
	}
	for name, file := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			got, errs := readAllOf(t, file, nil)
			if errs != nil {
				t.Error(errs)
			}
			if diff := cmp.Diff(byLibrary(t, file), got); diff != "" {
				t.Error(diff)
			}
			if want, known := counts[name]; known && len(got) != want {
				t.Errorf("%d messages, want %d", len(got), want)
			}
		})
	}
}

func TestReader_FileCutAnywhere(t *testing.T) {
	ours, want := written(t)
	files := map[string][]byte{
		"ours":        ours,
		"not chunked": byOtherTool(t, want, &mcap.WriterOptions{}),
		"lz4":         byOtherTool(t, want[:9], &mcap.WriterOptions{Chunked: true, ChunkSize: 200, Compression: mcap.CompressionLZ4}),
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			most, want := 0, byLibrary(t, file)
			step := 1
			if name == "lz4" {
				step = 7 // its decoder takes megabytes for each try
			}
			for cut := (len(file) - 1) % step; cut < len(file); cut += step {
				got, errs := readAllOf(t, file[:cut], nil)
				if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
					t.Fatalf("cut to %d bytes: not a prefix", cut)
				}
				if len(got) < most {
					t.Fatalf("cut to %d bytes: %d messages, fewer than in less of the file", cut, len(got))
				}
				most = len(got)
				if len(errs) != 1 {
					t.Fatalf("cut to %d bytes: %v", cut, errs)
				}
				var truncated *TruncatedError
				if cut < len(mcap.Magic) {
					if !errors.Is(errs[0], ErrFormat) {
						t.Fatalf("cut to %d bytes: %v", cut, errs)
					}
				} else if !errors.As(errs[0], &truncated) || truncated.Offset > int64(cut) {
					t.Fatalf("cut to %d bytes: %v", cut, errs)
				}
			}
			if most != len(want) {
				t.Errorf("%d messages in the file without its last byte, want all %d", most, len(want))
			}
		})
	}
}

func TestReader_FlippedBitInAChunk(t *testing.T) {
	file, want := written(t)
	chunks := recordsOf(t, file, mcap.OpChunk)
	if len(chunks) < 3 {
		t.Fatalf("%d chunks", len(chunks))
	}
	middle := chunks[len(chunks)-2]
	bad := slices.Clone(file)
	bad[middle.end-10] ^= 1
	got, errs := readAllOf(t, bad, nil)
	var corrupt *InvalidRecordError
	if len(errs) == 0 || !errors.As(errs[0], &corrupt) || corrupt.Offset != middle.off {
		t.Fatalf("got %v", errs)
	}
	if n := len(got); n == 0 || n >= len(want) || got[0] != want[0] || got[n-1] != want[len(want)-1] {
		t.Errorf("%d of %d messages", n, len(want))
	}
	plan, err := NewPlan(bytes.NewReader(bad), int64(len(bad)), nil, nil)
	if err != nil || plan.Damage == nil || !errors.As(plan.Damage, &corrupt) {
		t.Errorf("the plan says %v, %v", plan.Damage, err)
	}
}

// record frames a body.
func record(op mcap.OpCode, body []byte) []byte {
	return slices.Concat([]byte{byte(op)}, binary.LittleEndian.AppendUint64(nil, uint64(len(body))), body)
}

func chunkRecord(compression string, size uint64, crc uint32, packed []byte) []byte {
	b := make([]byte, 16)
	b = binary.LittleEndian.AppendUint64(b, size)
	b = binary.LittleEndian.AppendUint32(b, crc)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(compression)))
	b = append(b, compression...)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(packed)))
	return record(mcap.OpChunk, append(b, packed...))
}

func TestReader_ChunkWithHugeStatedSize(t *testing.T) {
	packed := make([]byte, 0)
	for _, compression := range []string{"", "zstd", "lz4"} {
		for _, size := range []uint64{1 << 29, 1 << 62, math.MaxUint64} {
			file := append(slices.Clone(mcap.Magic), chunkRecord(compression, size, 0, packed)...)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			lines, errs := readAllOf(t, file, nil)
			runtime.ReadMemStats(&after)
			if len(lines) != 0 || len(errs) != 2 || !Recoverable(errs[0]) {
				t.Errorf("%q, %d bytes: %v", compression, size, errs)
			}
			if taken := after.TotalAlloc - before.TotalAlloc; taken > 64<<20 {
				t.Errorf("%q, %d bytes: took %d bytes of memory", compression, size, taken)
			}
		}
	}
}

func TestReader_RecordsOverTheLimit(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, &WriterOptions{ChunkSize: 100})
	if err != nil {
		t.Fatal(err)
	}
	ch, _ := w.AddChannel(variety[0])
	for _, n := range []int{10, 100_000, 10} {
		if err := w.Write(&Message{Channel: ch, Data: bytes.Repeat([]byte("x"), n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	lines, errs := readAllOf(t, file.Bytes(), &Limits{Memory: 190_000})
	var limit *MemoryLimitError
	if len(lines) != 2 || len(errs) != 1 || !errors.As(errs[0], &limit) || limit.Limit != 190_000 || limit.Size < 200_000 {
		t.Errorf("%d messages, %v", len(lines), errs)
	}
}

func TestReader_InvalidRecords(t *testing.T) {
	message := record(mcap.OpMessage, make([]byte, messageHead))
	none := func(records []byte) []byte {
		return chunkRecord("", uint64(len(records)), crc32.ChecksumIEEE(records), records)
	}
	for name, c := range map[string]struct {
		body []byte
		want string
	}{
		"message without channel":    {message, "channel 0 was not declared"},
		"the same in a chunk":        {none(message), "channel 0 was not declared"},
		"short message":              {record(mcap.OpMessage, make([]byte, 5)), "message record at byte 8 is damaged"},
		"schema 0":                   {record(mcap.OpSchema, make([]byte, 14)), "must not have the number 0"},
		"chunk in a chunk":           {none(none(nil)), "a chunk within a chunk"},
		"unknown compression":        {chunkRecord("rot13", 1, 0, []byte("x")), `unknown compression "rot13"`},
		"wrong CRC":                  {chunkRecord("", uint64(len(message)), 1, message), "its CRC is wrong"},
		"more than it says":          {chunkRecord("", 1, 0, []byte("xy")), "more than the 1 bytes it says"},
		"less than it says":          {chunkRecord("", 3, 0, []byte("xy")), "holds 2 bytes and says 3"},
		"records that do not fit":    {none([]byte{5, 200, 0, 0, 0, 0, 0, 0, 0}), "its records do not fit"},
		"zeros":                      {make([]byte, 100), "zeros follow"},
		"a record beyond the end":    {[]byte{5, 200, 0, 0, 0, 0, 0, 0, 0, 1}, "a message record is cut off"},
		"a length beyond all bounds": {[]byte{5, 255, 255, 255, 255, 255, 255, 255, 255, 1}, "a message record is cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := readAllOf(t, append(slices.Clone(mcap.Magic), c.body...), nil)
			if !strings.Contains(fmt.Sprint(errs), c.want) {
				t.Errorf("got %v, want %q", errs, c.want)
			}
		})
	}
}

func FuzzReader(f *testing.F) {
	ours, lines := written(f)
	f.Add(ours)
	f.Add(ours[:len(ours)/2])
	f.Add(byOtherTool(f, lines, &mcap.WriterOptions{}))
	f.Add(byOtherTool(f, lines, &mcap.WriterOptions{Chunked: true, ChunkSize: 200}))
	f.Add(byOtherTool(f, lines, &mcap.WriterOptions{Chunked: true, ChunkSize: 200, Compression: mcap.CompressionLZ4}))
	f.Fuzz(func(t *testing.T, file []byte) {
		limits := &Limits{Memory: 16 << 20, open: 1 << 10, block: 1 << 10}
		r, err := NewReader(bytes.NewReader(file), int64(len(file)), limits)
		if err != nil {
			return
		}
		// As a plan does. A damaged attachment lets a reader go on by the index, whose schemas count where a chunk's differ.
		r.skipAttachments = true
		lines, _ := readRest(r)
		plan, err := NewPlan(bytes.NewReader(file), int64(len(file)), limits, nil)
		if err != nil {
			return
		}
		var planned []line
		for m, err := range plan.InOrder() {
			if err != nil {
				t.Fatalf("a plan that cannot be carried out: %v", err)
			}
			planned = append(planned, lineOf(&m))
		}
		slices.SortStableFunc(lines, func(a, b line) int { return compareTimes(a.LogTime, b.LogTime) })
		if !slices.Equal(planned, lines) {
			t.Fatalf("the plan gives %d messages in another order than the file, sorted (%d)", len(planned), len(lines))
		}
	})
}
