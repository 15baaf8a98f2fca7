//go:build linux

package exchange

import (
	"math"
	"os"
	"slices"
	"strings"
	"structs"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/cdr"
	"github.com/shmbus/shmbus/serde/plain"
	"github.com/shmbus/shmbus/serde/protobuf"
)

// Each row of the table of encodings is measured and compared with what docs/serialization.md says.
func TestEncodings_AreAsTheTableSays(t *testing.T) {
	documented := tableOfEncodings(t)
	dir := harness.NewDomain(t)
	measured := map[string][]string{}
	for _, row := range [][]string{
		measure(t, dir, ofRaw()), measure(t, dir, ofString()), measure(t, dir, ofJSON()),
		measure(t, dir, ofFields("cbor", serde.CBOR[scan]())), measure(t, dir, ofFields("msgpack", serde.MsgPack[scan]())),
		measure(t, dir, ofProtobuf(t)), measure(t, dir, ofCDR(t)), measure(t, dir, ofPlain(t)),
		measure(t, dir, ofFlatBuffers(t)), measure(t, dir, ofCapnProto(t)),
	} {
		measured[row[0]] = row
	}
	for name, row := range documented {
		if !slices.Equal(row, measured[name]) {
			t.Errorf("the table has\n\t%q\nmeasured is\n\t%q", row, measured[name])
		}
	}
	if len(documented) != len(measured) {
		t.Errorf("the table has %d encodings, measured are %d", len(documented), len(measured))
	}
}

// tableOfEncodings returns the rows of the table by encoding.
func tableOfEncodings(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/serialization.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text2, found := strings.Cut(string(text), "<!-- encodings -->\n")
	if !found {
		t.Fatal("docs/serialization.md has no table of encodings")
	}
	rows := map[string][]string{}
	for i, line := range strings.Split(text2, "\n") {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if i < 2 {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		for name := range strings.SplitSeq(cells[0], "`, `") {
			row := slices.Clone(cells)
			row[0] = name
			rows[name] = row
		}
	}
	return rows
}

// A scan stands for any Go struct.
type scan struct {
	Ranges []uint8 `json:"ranges" msgpack:"ranges"`
	Angle  float64 `json:"angle" msgpack:"angle"`
}

const manyBytes = 100_000

func manyRanges() []byte { return []byte(strings.Repeat("shmbus ", manyBytes/7)) }

func ofRaw() encoding[[]byte] {
	return encoding[[]byte]{
		codec: serde.Raw(), value: manyRanges(),
		fill: func(b []byte) int { return copy(b, manyRanges()) },
		read: func(b []byte) func() any {
			var v []byte
			if serde.Raw().Decoder().Decode(b, &v) != nil {
				return nil
			}
			return func() any { return v[1000] }
		},
	}
}

func ofString() encoding[string] {
	return encoding[string]{codec: serde.String(), value: string(manyRanges()), read: decoded(serde.String(), func(s string) any { return s[1000] })}
}

func ofJSON() encoding[scan] {
	e := ofFields("json", serde.JSON[scan]())
	e.unencodable = &scan{Ranges: manyRanges(), Angle: math.NaN()}
	return e
}

// ofFields is an encoding that names the fields of a struct.
func ofFields(name string, codec serde.Codec[scan]) encoding[scan] {
	newer := codec.Type()
	newer.SchemaEncoding, newer.Schema = "jsonschema", []byte(`{"title":"another version"}`)
	return encoding[scan]{
		codec: codec, value: scan{Ranges: manyRanges(), Angle: 1}, newer: newer,
		read: decoded(codec, func(v scan) any { return v.Ranges[1000] }),
	}
}

func ofProtobuf(t *testing.T) encoding[*testpb.Image] {
	t.Helper()
	codec := protobuf.Codec[*testpb.Image]()
	newer := codec.Type()
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(newer.Schema, &set); err != nil {
		t.Fatal(err)
	}
	for _, f := range set.File {
		for _, m := range f.MessageType {
			if m.GetName() == "Image" {
				m.Field = slices.DeleteFunc(m.Field, func(f *descriptorpb.FieldDescriptorProto) bool { return f.GetName() == "frame_id" })
			}
		}
	}
	schema, err := proto.Marshal(&set)
	if err != nil {
		t.Fatal(err)
	}
	newer.Schema = schema
	return encoding[*testpb.Image]{
		codec: codec, value: testpb.NewImage(200, 200), newer: newer,
		read: decoded(codec, func(m *testpb.Image) any { return m.GetData()[1000] }),
	}
}

func ofCDR(t *testing.T) encoding[scan] {
	t.Helper()
	codec, err := cdr.Codec[scan]("test_msgs/msg/Scan", "uint8[] ranges\nfloat64 angle\n")
	if err != nil {
		t.Fatal(err)
	}
	newer := codec.Type()
	newer.Schema = []byte("uint8[] ranges\nfloat64 angle\nbool valid\n")
	return encoding[scan]{
		codec: codec, value: scan{Ranges: manyRanges(), Angle: 1}, newer: newer,
		read: decoded(codec, func(v scan) any { return v.Ranges[1000] }),
	}
}

// A plainScan has a fixed size.
type plainScan struct {
	_      structs.HostLayout
	Ranges [manyBytes]uint8
}

func ofPlain(t *testing.T) encoding[*plainScan] {
	t.Helper()
	codec, err := plain.New[plainScan]()
	if err != nil {
		t.Fatal(err)
	}
	value := &plainScan{}
	copy(value.Ranges[:], manyRanges())
	newer := codec.Type()
	newer.Schema = []byte(strings.Replace(string(newer.Schema), "Ranges", "Distances", 1))
	return encoding[*plainScan]{
		codec: codec.ByPointer(), value: value, newer: newer,
		fill: func(b []byte) int {
			v, err := codec.Init(b)
			if err != nil {
				t.Fatal(err)
			}
			*v = *value
			return codec.Size()
		},
		read: func(b []byte) func() any {
			v, err := codec.View(b)
			if err != nil {
				t.Fatal(err)
			}
			return func() any { return v.Ranges[1000] }
		},
	}
}
