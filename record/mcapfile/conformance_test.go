package mcapfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/google/go-cmp/cmp"
)

// A vector is a file of the MCAP project's conformance tests, as the records that it holds.
type vector struct {
	name    string
	Records []vectorRecord `json:"records"`
	Meta    struct {
		Variant struct {
			Features []string `json:"features"`
		} `json:"variant"`
	} `json:"meta"`
}

type vectorRecord struct {
	Type   string         `json:"type"`
	Fields [][]any        `json:"fields"`
	values map[string]any // the same
}

func (r *vectorRecord) number(t testing.TB, name string) uint64 {
	n, err := strconv.ParseUint(fmt.Sprint(r.values[name]), 10, 64)
	if err != nil {
		t.Fatalf("%s.%s: %v", r.Type, name, err)
	}
	return n
}

func (r *vectorRecord) text(name string) string { return fmt.Sprint(r.values[name]) }

func (r *vectorRecord) bytes(t testing.TB, name string) (b []byte) {
	for _, v := range r.values[name].([]any) {
		n, err := strconv.ParseUint(v.(string), 10, 8)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, byte(n))
	}
	return b
}

func (r *vectorRecord) table(name string) map[string]string {
	m := make(map[string]string)
	for k, v := range r.values[name].(map[string]any) {
		m[k] = v.(string)
	}
	return m
}

// conformance returns the vectors, none if they are not there.
func conformance(t testing.TB) (all []*vector) {
	t.Helper()
	paths, err := filepath.Glob("../../../shared/data/mcap-conformance/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("../shared/data/mcap-conformance, beside the checkout, holds no vectors")
		}
		t.Skip("put the conformance data of the MCAP project into ../shared/data/mcap-conformance, beside the checkout, to run this test")
	}
	for _, p := range paths {
		js, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		v := &vector{name: strings.TrimSuffix(filepath.Base(filepath.Dir(p))+"/"+filepath.Base(p), ".json")}
		if err := json.Unmarshal(js, v); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		for i := range v.Records {
			r := &v.Records[i]
			r.values = make(map[string]any)
			for _, f := range r.Fields {
				r.values[f[0].(string)] = f[1]
			}
		}
		all = append(all, v)
	}
	return all
}

func (v *vector) has(feature string) bool { return slices.Contains(v.Meta.Variant.Features, feature) }

// build makes the file. Of its chunk and message index the vector holds only the content.
func (v *vector) build(t testing.TB) []byte {
	le := binary.LittleEndian
	u16 := func(b []byte, n uint64) []byte { return le.AppendUint16(b, uint16(n)) }
	u32 := func(b []byte, n uint64) []byte { return le.AppendUint32(b, uint32(n)) }
	u64 := le.AppendUint64
	table := func(b []byte, m map[string]string) []byte {
		var in []byte
		for _, k := range slices.Sorted(maps.Keys(m)) {
			in = appendText(appendText(in, k), m[k])
		}
		return append(u32(b, uint64(len(in))), in...)
	}
	framed := func(op mcap.OpCode, body []byte) []byte {
		if v.has("pad") && op != mcap.OpMessage && op != mcap.OpDataEnd && op != mcap.OpFooter {
			body = append(body, 1, 0xff, 0xff)
		}
		return record(op, body)
	}
	body := func(r *vectorRecord) (op mcap.OpCode, b []byte) {
		n := func(name string) uint64 { return r.number(t, name) }
		switch r.Type {
		case "Header":
			return mcap.OpHeader, appendText(appendText(nil, r.text("profile")), r.text("library"))
		case "Schema":
			data := r.bytes(t, "data")
			return mcap.OpSchema, append(u32(appendText(appendText(u16(nil, n("id")), r.text("name")), r.text("encoding")), uint64(len(data))), data...)
		case "Channel":
			return mcap.OpChannel, table(appendText(appendText(u16(u16(nil, n("id")), n("schema_id")), r.text("topic")), r.text("message_encoding")), r.table("metadata"))
		case "Message":
			return mcap.OpMessage, append(u64(u64(u32(u16(nil, n("channel_id")), n("sequence")), n("log_time")), n("publish_time")), r.bytes(t, "data")...)
		case "Metadata":
			return mcap.OpMetadata, table(appendText(nil, r.text("name")), r.table("metadata"))
		case "Attachment":
			data := r.bytes(t, "data")
			b = append(u64(appendText(appendText(u64(u64(nil, n("log_time")), n("create_time")), r.text("name")), r.text("media_type")), uint64(len(data))), data...)
			return mcap.OpAttachment, le.AppendUint32(b, crc32.ChecksumIEEE(b))
		case "DataEnd":
			return mcap.OpDataEnd, u32(nil, n("data_section_crc"))
		case "Statistics":
			b = u32(u32(u32(u32(u16(u64(nil, n("message_count")), n("schema_count")), n("channel_count")), n("attachment_count")), n("metadata_count")), n("chunk_count"))
			var in []byte
			for k, c := range r.table("channel_message_counts") {
				id, _ := strconv.ParseUint(k, 10, 16)
				count, _ := strconv.ParseUint(c, 10, 64)
				in = u64(u16(in, id), count)
			}
			return mcap.OpStatistics, append(u32(u64(u64(b, n("message_start_time")), n("message_end_time")), uint64(len(in))), in...)
		case "ChunkIndex":
			var in []byte
			for k, c := range r.table("message_index_offsets") {
				id, _ := strconv.ParseUint(k, 10, 16)
				off, _ := strconv.ParseUint(c, 10, 64)
				in = u64(u16(in, id), off)
			}
			b = u64(u64(u64(u64(nil, n("message_start_time")), n("message_end_time")), n("chunk_start_offset")), n("chunk_length"))
			b = u64(append(u32(b, uint64(len(in))), in...), n("message_index_length"))
			return mcap.OpChunkIndex, u64(u64(appendText(b, r.text("compression")), n("compressed_size")), n("uncompressed_size"))
		case "AttachmentIndex":
			b = u64(u64(u64(u64(u64(nil, n("offset")), n("length")), n("log_time")), n("create_time")), n("data_size"))
			return mcap.OpAttachmentIndex, appendText(appendText(b, r.text("name")), r.text("media_type"))
		case "MetadataIndex":
			return mcap.OpMetadataIndex, appendText(u64(u64(nil, n("offset")), n("length")), r.text("name"))
		case "SummaryOffset":
			return mcap.OpSummaryOffset, u64(u64(append([]byte(nil), byte(n("group_opcode"))), n("group_start")), n("group_length"))
		case "Footer":
			return mcap.OpFooter, u32(u64(u64(nil, n("summary_start")), n("summary_offset_start")), n("summary_crc"))
		}
		t.Fatalf("a record of type %s", r.Type)
		return 0, nil
	}
	file, chunk := slices.Clone(mcap.Magic), []byte(nil)
	index := make(map[uint64][]byte)
	var first, last uint64
	ended := false
	for i := range v.Records {
		r := &v.Records[i]
		op, b := body(r)
		inChunk := v.has("ch") && !ended && (op == mcap.OpSchema || op == mcap.OpChannel || op == mcap.OpMessage)
		if op == mcap.OpMessage {
			at := r.number(t, "log_time")
			if len(index) == 0 {
				first, last = at, at
			}
			first, last = min(first, at), max(last, at)
			id := r.number(t, "channel_id")
			index[id] = u64(u64(index[id], at), uint64(len(chunk)))
		}
		if inChunk {
			chunk = append(chunk, record(op, b)...)
			continue
		}
		if op == mcap.OpDataEnd {
			ended = true
			if len(chunk) > 0 {
				head := u64(appendText(u32(u64(u64(u64(nil, first), last), uint64(len(chunk))), uint64(crc32.ChecksumIEEE(chunk))), ""), uint64(len(chunk)))
				file = append(file, record(mcap.OpChunk, append(head, chunk...))...)
				for id, entries := range index {
					if v.has("mx") {
						file = append(file, framed(mcap.OpMessageIndex, append(u32(u16(nil, id), uint64(len(entries))), entries...))...)
					}
				}
			}
		}
		file = append(file, framed(op, b)...)
	}
	return append(file, mcap.Magic...)
}

func TestConformance(t *testing.T) {
	vectors := conformance(t)
	sums, err := os.ReadFile("../../../shared/data/mcap-conformance/sha256.tsv")
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for line := range strings.Lines(string(sums)) {
		f := strings.Fields(line)
		want[strings.TrimSuffix(f[0], ".mcap")] = f[1]
	}
	if len(vectors) != len(want) {
		t.Fatalf("%d vectors, and sums of %d", len(vectors), len(want))
	}
	for _, v := range vectors {
		file := v.build(t)
		if sum := fmt.Sprintf("%x", sha256.Sum256(file)); sum != want[v.name] {
			t.Errorf("%s: the test makes another file", v.name)
			continue
		}
		v.read(t, file)
		if r := checked(t, file); r.Errors != 0 {
			t.Errorf("%s: %+v", v.name, r.Findings)
		}
	}
}

// read compares what a Reader finds in the file with the records of the vector.
func (v *vector) read(t testing.TB, file []byte) {
	var lines []line
	var metadata []Metadata
	var attachments []string
	schemas, channels := map[uint64]*vectorRecord{}, map[uint64]*vectorRecord{}
	for i := range v.Records {
		r := &v.Records[i]
		switch r.Type {
		case "Schema":
			schemas[r.number(t, "id")] = r
		case "Channel":
			channels[r.number(t, "id")] = r
		case "Message":
			c := channels[r.number(t, "channel_id")]
			l := line{
				Topic: c.text("topic"), Encoding: c.text("message_encoding"), Sequence: uint32(r.number(t, "sequence")),
				LogTime: r.number(t, "log_time"), PublishTime: r.number(t, "publish_time"), Data: string(r.bytes(t, "data")),
			}
			if s := schemas[c.number(t, "schema_id")]; s != nil {
				l.SchemaName, l.SchemaEncoding, l.Schema = s.text("name"), s.text("encoding"), string(s.bytes(t, "data"))
			}
			lines = append(lines, l)
		case "Metadata":
			metadata = append(metadata, Metadata{Name: r.text("name"), Values: r.table("metadata")})
		case "Attachment":
			attachments = append(attachments, fmt.Sprint(r.text("name"), r.text("media_type"), r.number(t, "log_time"), r.number(t, "create_time"), r.bytes(t, "data")))
		}
	}
	src := bytes.NewReader(file)
	r, err := NewReader(src, src.Size(), nil)
	if err != nil {
		t.Fatalf("%s: %v", v.name, err)
	}
	got, errs := readRest(r)
	if diff := cmp.Diff(lines, got); diff != "" || len(errs) > 0 {
		t.Errorf("%s: %v %s", v.name, errs, diff)
	}
	if diff := cmp.Diff(metadata, r.Metadata()); diff != "" {
		t.Errorf("%s: %s", v.name, diff)
	}
	var found []string
	for _, a := range r.Attachments() {
		data := make([]byte, a.Size)
		if _, err := a.Content(src).Read(data); err != nil {
			t.Fatal(err)
		}
		found = append(found, fmt.Sprint(a.Name, a.MediaType, a.LogTime, a.CreateTime, data))
	}
	if !slices.Equal(attachments, found) {
		t.Errorf("%s: attachments %q, want %q", v.name, found, attachments)
	}
}
