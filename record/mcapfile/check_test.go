package mcapfile

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
)

func checked(t testing.TB, file []byte) Report {
	t.Helper()
	r, err := Check(bytes.NewReader(file), int64(len(file)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCheck_FilesWithoutFault(t *testing.T) {
	file, lines := written(t)
	for name, file := range map[string][]byte{
		"ours":           file,
		"of a library":   byOtherTool(t, lines, &mcap.WriterOptions{Chunked: true, ChunkSize: 200, IncludeCRC: true, Compression: mcap.CompressionLZ4}),
		"without chunks": byOtherTool(t, lines, &mcap.WriterOptions{IncludeCRC: true}),
		"two":            slices.Concat(file, file),
	} {
		if r := checked(t, file); r.Errors != 0 || r.Messages == 0 || len(r.Findings) != int(r.Warnings) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestCheck_RecordingsOfOtherTools(t *testing.T) {
	for name, file := range recordings(t) {
		r := checked(t, file)
		want := uint64(0)
		if name == "ros2_talker.mcap" {
			want = 1 // its index has another length of the attachment; the JavaScript library of the MCAP project refuses it
		}
		if r.Errors != want || r.Messages == 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// resum corrects the CRC of the summary, so that only its content is wrong.
func resum(t testing.TB, file []byte) []byte {
	t.Helper()
	end := len(file) - len(mcap.Magic)
	start := binary.LittleEndian.Uint64(file[end-footerSize+recordHead:])
	w := window{src: bytes.NewReader(file), size: int64(len(file))}
	sum, err := w.sumOf(int64(start), int64(end-4))
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(file[end-4:], sum)
	return file
}

func TestCheck_Faults(t *testing.T) {
	_, lines := written(t)
	whole := byOtherTool(t, lines, &mcap.WriterOptions{Chunked: true, ChunkSize: 200})
	at := func(op mcap.OpCode, i int) int64 { return recordsOf(t, whole, op)[i].off + recordHead }
	for name, c := range map[string]struct {
		at   int64
		want string
	}{
		"profile":                     {at(mcap.OpHeader, 0) + 4, `the profile "sos2" is not a registered one`},
		"time of a chunk":             {at(mcap.OpChunk, 2), "the chunk says that its log times are"},
		"CRC of a chunk":              {at(mcap.OpChunk, 2) + 24, "a chunk without a CRC"},
		"entry of a message index":    {at(mcap.OpMessageIndex, 1) + 6, "entries that do not lead to the 1 messages in the chunk"},
		"channel of a message index":  {at(mcap.OpMessageIndex, 1), "are in no message index"},
		"offset of a chunk index":     {at(mcap.OpChunkIndex, 1) + 16, "the index lacks the chunk"},
		"length of a chunk index":     {at(mcap.OpChunkIndex, 1) + 24, "the index says of the chunk"},
		"offset of an attachment":     {at(mcap.OpAttachmentIndex, 0), "the index says that a record of type attachment begins here, and none does"},
		"name of an attachment":       {at(mcap.OpAttachmentIndex, 0) + 44, "the index describes the record of type attachment differently"},
		"offset of metadata":          {at(mcap.OpMetadataIndex, 0), "the index lacks the record of type metadata"},
		"start in the statistics":     {at(mcap.OpStatistics, 0) + 26, "the statistics say that log times are"},
		"schemas in the statistics":   {at(mcap.OpStatistics, 0) + 8, "schemas, and there are"},
		"channels in the statistics":  {at(mcap.OpStatistics, 0) + 10, "channels, and there are"},
		"a count in the statistics":   {at(mcap.OpStatistics, 0) + 48, "messages of channel"},
		"offset of the chunk indexes": {at(mcap.OpSummaryOffset, 3) + 1, "the summary offsets say that its chunk index records are"},
		"summary start":               {at(mcap.OpFooter, 0), "the footer says that the summary begins at"},
		"log time of a message":       {-1, "has log time 5, and one before it"},
	} {
		bad := slices.Clone(whole)
		if c.at >= 0 {
			bad[c.at] ^= 1
		} else {
			late := slices.Clone(lines)
			late[4].LogTime = 5
			bad = byOtherTool(t, late, &mcap.WriterOptions{})
		}
		if name == "CRC of a chunk" {
			clear(bad[c.at : c.at+4])
		}
		if name != "summary start" && c.at >= 0 {
			resum(t, bad)
		}
		r := checked(t, bad)
		found := slices.ContainsFunc(r.Findings, func(f Finding) bool { return strings.Contains(f.Text, c.want) })
		if !found {
			t.Errorf("%s: want %q in %+v", name, c.want, r.Findings)
		}
	}
}

// Recorders of several publishers write no exact order.
func TestCheck_LittleLate(t *testing.T) {
	_, lines := written(t)
	late := slices.Clone(lines)
	late[4].LogTime = late[3].LogTime - 5e9
	for _, f := range checked(t, byOtherTool(t, late, &mcap.WriterOptions{})).Findings {
		if strings.Contains(f.Text, "one before it") {
			t.Errorf("%+v", f)
		}
	}
}
