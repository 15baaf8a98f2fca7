package protobuf

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/serde"
)

func newNode(t testing.TB) *testpb.Node {
	t.Helper()
	pose, err := anypb.New(testpb.NewPose())
	if err != nil {
		t.Fatal(err)
	}
	return &testpb.Node{
		Children: []*testpb.Node{{Choice: &testpb.Node_Number{Number: -1 << 63}}, {Any: pose}},
		Named:    map[string]*testpb.Node{"\"a\"": {Choice: &testpb.Node_Flag{Flag: true}}, "": {}},
		Texts:    map[int32]string{-1: "ä\n"},
		Offset:   proto.Int32(0), Id: 1<<64 - 1,
		Formats: []testpb.Image_Format{testpb.Image_RGB8, 77},
	}
}

func roundTrip[M proto.Message](t *testing.T, m M) {
	t.Helper()
	c := Codec[M]()
	b, err := c.Encoder().Append([]byte("before"), m)
	if err != nil || !bytes.HasPrefix(b, []byte("before")) {
		t.Fatalf("%q, %v", b, err)
	}
	var got M
	if err := c.Decoder().Decode(b[len("before"):], &got); err != nil || !proto.Equal(m, got) {
		t.Errorf("%v, want %v (%v)", got, m, err)
	}
	private, err := c.(serde.CopyDecoder[M]).DecodeCopy(b[len("before"):])
	clear(b)
	if err != nil || !proto.Equal(m, private) {
		t.Errorf("in private memory %v, want %v (%v)", private, m, err)
	}
}

func TestCodec_RoundTrip(t *testing.T) {
	roundTrip(t, testpb.NewPose())
	roundTrip(t, testpb.NewImage(64, 48))
	roundTrip(t, testpb.NewPointCloud(100))
	roundTrip(t, newNode(t))
	roundTrip(t, &testpb.Pose{})
	roundTrip(t, &testpb.Image{Data: make([]byte, 2<<20)}) // more than a decoder keeps

	var nothing, got *testpb.Pose
	c := Codec[*testpb.Pose]()
	b, err := c.Encoder().Append(nil, nothing)
	if err != nil || len(b) != 0 {
		t.Errorf("a nil message is %x (%v)", b, err)
	}
	if err := c.Decoder().Decode(nil, &got); err != nil || got == nil || !proto.Equal(got, &testpb.Pose{}) {
		t.Errorf("an empty payload is %v (%v)", got, err)
	}
}

func TestCodec_UnknownFields(t *testing.T) {
	b, err := proto.Marshal(testpb.NewPose())
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, 0x7a, 0x01, 'x') // field 15
	var got *testpb.Pose
	c := Codec[*testpb.Pose]()
	if err := c.Decoder().Decode(b, &got); err != nil {
		t.Fatal(err)
	}
	if again, err := c.Encoder().Append(nil, got); err != nil || !bytes.Equal(again, b) {
		t.Errorf("%x, want %x (%v)", again, b, err)
	}
}

func TestEncoder_AppendInPlace(t *testing.T) {
	for name, e := range map[string]serde.Encoder[*vtVector]{"vt": Codec[*vtVector]().Encoder(), "library": encoder[*vtVector]{}} {
		m := &vtVector{Vector: testpb.Vector{X: 1, Y: 2, Z: 3}}
		buf := make([]byte, 2, 100)
		out, err := e.Append(buf, m)
		if err != nil || len(out) != 2+27 || &out[0] != &buf[0] {
			t.Errorf("%s: %d bytes, not in place (%v)", name, len(out), err)
		}
		full := []byte("full")
		out, err = e.Append(full[:4:4], m)
		if err != nil || len(out) != 4+27 || string(out[:4]) != "full" || &out[0] == &full[0] {
			t.Errorf("%s: %q (%v)", name, out, err)
		}
	}
}

func TestEncoder_InvalidText(t *testing.T) {
	dst := []byte("dst")
	out, err := Codec[*testpb.Pose]().Encoder().Append(dst, &testpb.Pose{FrameId: "\xff"})
	if err == nil || !strings.HasPrefix(err.Error(), "encode testpb.Pose as protobuf: ") || string(out) != "dst" {
		t.Errorf("%q, %v", out, err)
	}
}

// The old message may still be in use.
func TestDecoder_NewMessage(t *testing.T) {
	c := Codec[*testpb.Pose]()
	b, err := c.Encoder().Append(nil, testpb.NewPose())
	if err != nil {
		t.Fatal(err)
	}
	dec := c.Decoder()
	var v *testpb.Pose
	if err := dec.Decode(b, &v); err != nil {
		t.Fatal(err)
	}
	old := v
	if err := dec.Decode(nil, &v); err != nil || v == old || v.FrameId != "" || old.FrameId != "map" {
		t.Errorf("%v, was %v (%v)", v, old, err)
	}
	clear(b) // as by a publisher
	if !proto.Equal(old, testpb.NewPose()) {
		t.Error("the message aliases the payload")
	}
}

func TestCodec_Allocations(t *testing.T) {
	t.Run("pose", func(t *testing.T) { checkAllocations(t, testpb.NewPose()) })
	t.Run("image", func(t *testing.T) { checkAllocations(t, testpb.NewImage(160, 120)) })
	t.Run("cloud", func(t *testing.T) { checkAllocations(t, testpb.NewPointCloud(1000)) })
}

func checkAllocations[M proto.Message](t *testing.T, m M) {
	payload, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	c := Codec[M]()
	enc, dec, buf, v := c.Encoder(), c.Decoder(), make([]byte, 0, len(payload)), m
	encoded := testing.AllocsPerRun(100, func() { _, err = enc.Append(buf, m) })
	if encoded != 0 || err != nil {
		t.Errorf("encoding allocates %v times (%v)", encoded, err)
	}
	decoded := testing.AllocsPerRun(100, func() { err = dec.Decode(payload, &v) })
	if err != nil {
		t.Fatal(err)
	}
	private := c.(serde.CopyDecoder[M])
	inPlace := testing.AllocsPerRun(100, func() { v, err = private.DecodeCopy(payload) })
	if inPlace > decoded || err != nil {
		t.Errorf("decoding in private memory allocates %v times, in shared memory %v times (%v)", inPlace, decoded, err)
	}
	library := testing.AllocsPerRun(100, func() {
		err = proto.Unmarshal(payload, m.ProtoReflect().New().Interface())
	})
	if decoded > library || err != nil {
		t.Errorf("decoding allocates %v times, the library %v times (%v)", decoded, library, err)
	}
}

func TestCodec_Type(t *testing.T) {
	typ := Codec[*testpb.Pose]().Type()
	if typ.Name != "testpb.Pose" || typ.Encoding != "protobuf" || typ.SchemaEncoding != "protobuf" {
		t.Errorf("%s, %s, %s", typ.Name, typ.Encoding, typ.SchemaEncoding)
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(typ.Schema, &set); err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, f := range set.File {
		files = append(files, f.GetName())
	}
	if got, want := strings.Join(files, " "), "google/protobuf/any.proto google/protobuf/timestamp.proto testpb.proto"; got != want {
		t.Errorf("files %s, want %s", got, want)
	}
	if again := Codec[*testpb.Pose]().Type(); !bytes.Equal(typ.Schema, again.Schema) {
		t.Error("the schema has other bytes the second time")
	}
}

func TestCodec_NoGeneratedMessage(t *testing.T) {
	panics := func(name string, f func()) {
		defer func() {
			if p := recover(); p == nil {
				t.Errorf("Codec[%s] does not panic", name)
			}
		}()
		f()
	}
	panics("proto.Message", func() { Codec[proto.Message]() })
	panics("*dynamicpb.Message", func() { Codec[*dynamicpb.Message]() })
}

// A vtVector has methods like those of protoc-gen-go-vtproto.
type vtVector struct {
	testpb.Vector
	encoded, decoded bool
	wrongSize        int
	fail             error
}

func (v *vtVector) SizeVT() int { return proto.Size(&v.Vector) + v.wrongSize }

func (v *vtVector) MarshalToSizedBufferVT(dst []byte) (int, error) {
	v.encoded = true
	b, err := proto.Marshal(&v.Vector)
	copy(dst[len(dst)-len(b):], b)
	return len(b), errors.Join(err, v.fail)
}

func (v *vtVector) UnmarshalVT(src []byte) error {
	v.decoded = true
	if len(src) == 0 {
		panic(io.ErrClosedPipe)
	}
	return proto.Unmarshal(src, &v.Vector)
}

// A vtNode may contain nodes, so its UnmarshalVT could exhaust the stack.
type vtNode struct{ testpb.Node }

func (v *vtNode) UnmarshalVT([]byte) error { panic("called") }

func TestCodec_VTMethods(t *testing.T) {
	c := Codec[*vtVector]()
	m := &vtVector{Vector: testpb.Vector{X: 1, Y: 2}}
	b, err := c.Encoder().Append(nil, m)
	if want, _ := proto.Marshal(&m.Vector); err != nil || !m.encoded || !bytes.Equal(b, want) {
		t.Errorf("%x (%v), want %x", b, err, want)
	}
	var got *vtVector
	if err := c.Decoder().Decode(b, &got); err != nil || !got.decoded || got.Y != 2 {
		t.Errorf("%v (%v)", got, err)
	}
	if err := c.Decoder().Decode(nil, &got); !errors.Is(err, io.ErrClosedPipe) || got != nil {
		t.Errorf("a panic becomes %v", err)
	}
	if got, err := c.(serde.CopyDecoder[*vtVector]).DecodeCopy(nil); !errors.Is(err, io.ErrClosedPipe) || got != nil {
		t.Errorf("a panic in private memory becomes %v", err)
	}
	var bad *serde.DecodeError
	if err := c.Decoder().Decode(b[:10], &got); !errors.As(err, &bad) || !strings.Contains(err.Error(), "at byte 9, field y: ") {
		t.Error(err)
	}
	for _, m := range []*vtVector{{wrongSize: 1}, {fail: io.ErrNoProgress}} {
		if out, err := c.Encoder().Append([]byte("dst"), m); err == nil || string(out) != "dst" {
			t.Errorf("%q, %v", out, err)
		}
	}
	var node *vtNode
	if err := Codec[*vtNode]().Decoder().Decode([]byte{0x0a, 0x00}, &node); err != nil || len(node.Children) != 1 {
		t.Errorf("%v (%v)", node, err)
	}
}
