package cdr

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/serde"
)

func mustCodec[T any](t testing.TB, name, schema string) serde.Codec[T] {
	t.Helper()
	c, err := Codec[T](name, schema)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func roundTrip[T any](t *testing.T, name, schema string, want T) []byte {
	t.Helper()
	c := mustCodec[T](t, name, schema)
	b, err := c.Encoder().Append([]byte("head"), want)
	if err != nil {
		t.Fatal(err)
	}
	b = b[4:]
	got := want
	if err := c.Decoder().Decode(b, &got); err != nil {
		t.Fatalf("%v in %x", err, b)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// The document that a tool shows makes the same payload.
	doc, err := ToJSON(c.Type(), b)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(doc) {
		t.Fatalf("not JSON: %s", doc)
	}
	again, err := FromJSON(c.Type(), doc)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, again) {
		t.Errorf("made from %s:\n%x, want\n%x", doc, again, b)
	}
	return b
}

func TestCodec_RoundTrip(t *testing.T) {
	roundTrip(t, "test_msgs/msg/All", allSchema, allValue())
	roundTrip(t, "test_msgs/msg/All", allSchema, all{})
	roundTrip(t, "sensor_msgs/msg/Imu", imuSchema, imuValue())
	roundTrip(t, "sensor_msgs/msg/Image", imageSchema, imageValue(16, 4))
	roundTrip(t, "sensor_msgs/msg/PointCloud2", cloudSchema, cloudValue())
	var pose poseStamped
	pose.Header.Stamp, pose.Header.Frame = time.Unix(3, 4).UTC(), "map"
	pose.Pose.Position, pose.Pose.Orientation = vector{1, 2, 3}, quaternion{0, 0, 0.5, 0.5}
	roundTrip(t, "geometry_msgs/msg/PoseStamped", poseSchema, pose)
	roundTrip(t, "test_msgs/msg/Empty", "", struct{}{})
	roundTrip(t, "test_msgs/msg/Wide", "wstring<=5 w\nuint8 after\n", struct {
		W     string
		After uint8
	}{"añ🤖z", 3})
}

// The bytes are those of the OMG's specification of CDR, counted by hand.
func TestEncoder_Bytes(t *testing.T) {
	type message struct {
		A uint8
		B float64
		C string
		D []uint16
		E []float64
		F int32
	}
	b := roundTrip(t, "a/msg/B", "uint8 a\nfloat64 b\nstring c\nuint16[] d\nfloat64[] e\nint32 f\n", message{A: 1, B: 1, C: "hi", D: []uint16{2, 3}, F: -1})
	want := []byte{
		0, 1, 0, 0,
		1, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0xf0, 0x3f,
		3, 0, 0, 0, 'h', 'i', 0, 0,
		2, 0, 0, 0, 2, 0, 3, 0,
		0, 0, 0, 0, // no padding before elements that are not there
		0xff, 0xff, 0xff, 0xff,
	}
	if !bytes.Equal(b, want) {
		t.Errorf("%x, want %x", b, want)
	}
}

func TestProgram_Blocks(t *testing.T) {
	for _, tc := range []struct {
		name, schema string
		goType       reflect.Type
		ops          int
	}{
		{"Imu", imuSchema, reflect.TypeFor[imu](), 3},                 // stamp, frame_id, and all numbers
		{"Image", imageSchema, reflect.TypeFor[image](), 7},           // stamp, frame_id, size, encoding, is_bigendian, step, data
		{"Empty", "", reflect.TypeFor[struct{}](), 1},                 //
		{"Padded", "uint8 a\nuint32 b", reflect.TypeFor[padded](), 2}, // padding between them is not copied
	} {
		s, err := parseSchema(tc.name, tc.schema)
		if err != nil {
			t.Fatal(err)
		}
		p, err := compile(s, tc.goType)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.ops) != tc.ops {
			t.Errorf("%s has %d steps, want %d", tc.name, len(p.ops), tc.ops)
		}
	}
}

type padded struct {
	A uint8
	B uint32
}

// bigEndianForm converts a payload by the steps of a program, independently of the decoder's swapping.
func bigEndianForm(t *testing.T, name, schema string, payload []byte) []byte {
	t.Helper()
	s, err := parseSchema(name, schema)
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(payload)
	out[1] = cdrBig
	r, fe := newReader(payload)
	if fe != nil {
		t.Fatal(fe)
	}
	reverse := func(width int) uint64 {
		x, err := r.number(width)
		if err != nil {
			t.Fatal(err)
		}
		at := headerSize + r.pos - width
		for i := range width {
			out[at+i] = payload[at+width-1-i]
		}
		return x
	}
	var walk func(m *message)
	walk = func(m *message) {
		if len(m.fields) == 0 {
			reverse(1)
		}
		for i := range m.fields {
			f := &m.fields[i]
			n := 1
			switch f.shape {
			case fixed:
				n = f.count
			case sequence:
				n = int(reverse(4))
			}
			for range n {
				switch {
				case f.kind == kindMessage:
					walk(f.message)
				case f.kind == kindString:
					r.pos += int(reverse(4))
				default:
					reverse(f.kind.width())
				}
			}
		}
	}
	walk(s.root)
	return out
}

func TestDecoder_BigEndian(t *testing.T) {
	c := mustCodec[all](t, "test_msgs/msg/All", allSchema)
	little, err := c.Encoder().Append(nil, allValue())
	if err != nil {
		t.Fatal(err)
	}
	big := bigEndianForm(t, "test_msgs/msg/All", allSchema, little)
	if bytes.Equal(little[4:], big[4:]) {
		t.Fatal("nothing was converted")
	}
	var got all
	if err := c.Decoder().Decode(big, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(allValue(), got); d != "" {
		t.Error(d)
	}
	a, err := ToJSON(c.Type(), little)
	if err != nil {
		t.Fatal(err)
	}
	b, err := ToJSON(c.Type(), big)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("%s (%v), want %s", b, err, a)
	}
}

func TestEncoder_AppendInPlace(t *testing.T) {
	c := mustCodec[all](t, "test_msgs/msg/All", allSchema)
	whole, err := c.Encoder().Append(nil, allValue())
	if err != nil {
		t.Fatal(err)
	}
	dirty := bytes.Repeat([]byte{0xee}, len(whole)+3) // padding must be written too
	got, err := c.Encoder().Append(dirty[:3], allValue())
	if err != nil || &got[0] != &dirty[0] || !bytes.Equal(got[3:], whole) {
		t.Errorf("%v, %x, want %x", err, got, whole)
	}
}

func TestEncoder_Errors(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(v *all)
		want   string
	}{
		"string":     {func(v *all) { v.BoundedText = "123456789" }, "bounded_text: length 9 exceeds the bound of 8"},
		"sequence":   {func(v *all) { v.Ints = make([]int32, 5) }, "ints: length 5 exceeds the bound of 4"},
		"in element": {func(v *all) { v.ShortTexts = []string{"a", "12345"} }, "short_texts[1]: length 5 exceeds the bound of 4"},
		"time":       {func(v *all) { v.Times = []time.Time{time.Unix(1<<33, 0)} }, "times[0]: the time does not fit"},
		"duration":   {func(v *all) { v.Lasting = 1 << 62 }, "lasting: the time does not fit"},
	} {
		c := mustCodec[all](t, "test_msgs/msg/All", allSchema)
		v := allValue()
		tc.change(&v)
		dst, err := c.Encoder().Append(make([]byte, 2, 1000), v)
		var fe *FieldError
		if !errors.As(err, &fe) || !strings.Contains(err.Error(), tc.want) || len(dst) != 2 {
			t.Errorf("%s: %v, %d bytes", name, err, len(dst))
		}
	}
	type wide struct{ W string }
	if _, err := mustCodec[wide](t, "a/B", "wstring w").Encoder().Append(nil, wide{"\xff"}); err == nil {
		t.Error("text that is not UTF-8 was encoded as wstring")
	}
}

func TestCodec_Mismatch(t *testing.T) {
	type tagged struct {
		Other int32 `ros:"value"`
		Extra string
	}
	for name, tc := range map[string]struct {
		make func() error
		want string
	}{
		"kind": {func() error { _, err := Codec[struct{ Value int64 }]("a/B", "int32 value"); return err },
			"match a/B with struct { Value int64 }: value: int32 in the schema does not match int64 in Go"},
		"missing": {func() error { _, err := Codec[struct{}]("a/B", "int32 value"); return err }, "value: int32 of the schema has no field of its own"},
		"extra":   {func() error { _, err := Codec[tagged]("a/B", "int32 value"); return err }, "field Extra of cdr.tagged has type string"},
		"length":  {func() error { _, err := Codec[struct{ V [2]int8 }]("a/B", "int8[3] v"); return err }, "v: int8[3] in the schema does not match [2]int8"},
		"nested": {func() error {
			_, err := Codec[struct {
				P []struct{ Q struct{ R []string } }
			}]("a/B", "C[] p\n"+separator+"MSG: a/C\nD q\n"+separator+"MSG: a/D\nint8[] r\n")
			return err
		}, "p[].q.r[]: int8[] in the schema does not match string in Go"},
		"pointer": {func() error {
			_, err := Codec[struct{ P *vector }]("a/B", "geometry_msgs/Vector3 p\n"+vectorDef)
			return err
		}, "does not match *cdr.vector"},
		"no struct": {func() error { _, err := Codec[[]byte]("a/B", "int8 v"); return err }, "[]uint8 is no struct"},
	} {
		if err := tc.make(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCodec_AllocatesLittle(t *testing.T) {
	c := mustCodec[imu](t, "sensor_msgs/msg/Imu", imuSchema)
	enc, dec, v := c.Encoder(), c.Decoder(), imuValue()
	dst, err := enc.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { dst, _ = enc.Append(dst[:0], v) }); n != 0 {
		t.Errorf("encoding: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { err = errors.Join(err, dec.Decode(dst, &v)) }); n != 1 || err != nil {
		t.Errorf("decoding: %v allocations, %v", n, err)
	}
	pc := mustCodec[cloud](t, "sensor_msgs/msg/PointCloud2", cloudSchema)
	b, err := pc.Encoder().Append(nil, cloudValue())
	if err != nil {
		t.Fatal(err)
	}
	var got cloud
	if n := testing.AllocsPerRun(100, func() { err = errors.Join(err, pc.Decoder().Decode(b, &got)) }); n > 6 || err != nil {
		t.Errorf("decoding a cloud: %v allocations, %v", n, err)
	}
}

func TestReader_Padding(t *testing.T) {
	type small struct{ V uint8 }
	c := mustCodec[small](t, "a/B", "uint8 v")
	for extra, ok := range map[int]bool{0: true, 1: false, 3: true, 4: false, 7: false} {
		var v small
		if err := c.Decoder().Decode(append([]byte{0, 1, 0, 0, 5}, make([]byte, extra)...), &v); (err == nil) != ok {
			t.Errorf("%d bytes behind: %v", extra, err)
		}
	}
}
