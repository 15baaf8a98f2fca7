package capnproto

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"capnproto.org/go/capnp/v3"

	"github.com/shmbus/shmbus/internal/testcapnp"
	"github.com/shmbus/shmbus/serde"
)

func newCodec[T ~capnp.StructKind](t testing.TB, id uint64, newRoot func(*capnp.Segment) (T, error)) *Codec[T] {
	t.Helper()
	c, err := New(testcapnp.Schema(), id, newRoot)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func poseCodec(t testing.TB) *Codec[testcapnp.Pose] {
	return newCodec(t, testcapnp.Pose_TypeID, testcapnp.NewRootPose)
}

func imageCodec(t testing.TB) *Codec[testcapnp.Image] {
	return newCodec(t, testcapnp.Image_TypeID, testcapnp.NewRootImage)
}

func nodeCodec(t testing.TB) *Codec[testcapnp.Node] {
	return newCodec(t, testcapnp.Node_TypeID, testcapnp.NewRootNode)
}

// encode is the payload of a struct.
func encode[T ~capnp.StructKind](t testing.TB, c *Codec[T], v T) []byte {
	t.Helper()
	payload, err := c.Encoder().Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func checkPose(t *testing.T, pose testcapnp.Pose) {
	t.Helper()
	frame, err := pose.FrameId()
	position, err2 := pose.Position()
	orientation, err3 := pose.Orientation()
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	if pose.Stamp() != 1700000000123456789 || frame != "map" || position.Y() != -2 || orientation.W() != 1 {
		t.Error(pose)
	}
}

func TestCodec_RoundTrip(t *testing.T) {
	c := poseCodec(t)
	payload := encode(t, c, testcapnp.BuildPose())
	var pose testcapnp.Pose
	if err := c.Decoder().Decode(payload, &pose); err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(payload)
	clear(payload) // the result is in a copy
	checkPose(t, pose)
	if again := encode(t, c, pose); !bytes.Equal(again, want) {
		t.Errorf("%x became %x", want, again)
	}
}

func TestCodec_Type(t *testing.T) {
	typ := poseCodec(t).Type()
	if typ.Name != "testcapnp.capnp:Pose" || typ.Encoding != Encoding || typ.SchemaEncoding != Encoding || !bytes.Equal(typ.Schema, testcapnp.Schema()) {
		t.Error(typ.Name, typ.Encoding, typ.SchemaEncoding)
	}
}

func TestNew_Mismatch(t *testing.T) {
	_, err := New(testcapnp.Schema(), testcapnp.Pose_TypeID, testcapnp.NewRootImage)
	if err == nil || !strings.Contains(err.Error(), "8 bytes and 3 pointers in the schema, and 24 and 2 in the generated code") {
		t.Error(err)
	}
	for name, id := range map[string]uint64{"no such struct": 1, "an enum": testcapnp.Image_Format_TypeID} {
		if _, err := New(testcapnp.Schema(), id, testcapnp.NewRootPose); err == nil || !strings.Contains(err.Error(), "does not declare this struct") {
			t.Error(name, err)
		}
	}
	if _, err := New(nil, testcapnp.Pose_TypeID, testcapnp.NewRootPose); err == nil {
		t.Error("made without a schema")
	}
}

func TestEncoder_AppendsInPlace(t *testing.T) {
	c := poseCodec(t)
	pose := testcapnp.BuildPose()
	enc, buf := c.Encoder(), make([]byte, 4, 4096)
	out, err := enc.Append(buf, pose)
	if err != nil || &out[0] != &buf[0] || !bytes.Equal(out[4:], encode(t, c, pose)) {
		t.Error(out, err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = enc.Append(buf, pose) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A message may be encoded as often as one likes: its limit for reading stays.
func TestEncoder_ReadLimit(t *testing.T) {
	pose := testcapnp.BuildPose()
	pose.Message().ResetReadLimit(0)
	enc := poseCodec(t).Encoder()
	for i := range 100 {
		if out, err := enc.Append(nil, pose); err != nil || len(out) != 112 {
			t.Fatal(i, len(out), err)
		}
	}
}

func TestEncoder_InnerStruct(t *testing.T) {
	outer := testcapnp.BuildPose()
	position, err := outer.Position()
	if err != nil {
		t.Fatal(err)
	}
	c := newCodec(t, testcapnp.Vector_TypeID, testcapnp.NewRootVector)
	dst := []byte{1}
	if out, err := c.Encoder().Append(dst, position); !errors.Is(err, errNotRoot) || len(out) != 1 {
		t.Error(out, err)
	}
	outer.Message().Release()
	if _, err := poseCodec(t).Encoder().Append(nil, outer); err == nil {
		t.Error("a released message is encoded")
	}
}

func TestEncoder_ZeroValue(t *testing.T) {
	c := poseCodec(t)
	payload := encode(t, c, testcapnp.Pose{})
	pose := testcapnp.BuildPose()
	if err := c.Decoder().Decode(payload, &pose); err != nil || pose.IsValid() || pose.Stamp() != 0 {
		t.Errorf("%x: %v", payload, err)
	}
}

func TestEncoder_ManySegments(t *testing.T) {
	_, segment, err := capnp.NewMessage(capnp.MultiSegment(nil))
	if err != nil {
		t.Fatal(err)
	}
	image, err := testcapnp.NewRootImage(segment)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 { // each time a new object, larger than the segment before
		if err := testcapnp.FillImage(image, 100<<i, 100); err != nil {
			t.Fatal(err)
		}
	}
	if image.Message().NumSegments() < 3 {
		t.Fatal(image.Message().NumSegments(), "segments")
	}
	c := imageCodec(t)
	payload := encode(t, c, image)
	var got testcapnp.Image
	if err := c.Decoder().Decode(payload, &got); err != nil {
		t.Fatal(err)
	}
	if data, err := got.Data(); err != nil || len(data) != 3*800*100 || data[300] != 44 {
		t.Error(len(data), err)
	}
	if js, err := ToJSON(c.Type(), payload); err != nil || !strings.Contains(string(js), `"format":"rgb8"`) || len(js) < 4*800*100 {
		t.Error(len(js), err)
	}
}

func TestCodec_View(t *testing.T) {
	c := imageCodec(t)
	payload := encode(t, c, testcapnp.BuildImage(640, 480))
	image, err := c.View(payload)
	if err != nil {
		t.Fatal(err)
	}
	data, err := image.Data()
	if err != nil || len(data) != 640*480*3 || &data[len(data)-1] != &payload[len(payload)-1] {
		t.Error("the data is not in place", err)
	}
}

// An application may read all of the largest message several times.
func TestCodec_ViewOfManyBytes(t *testing.T) {
	c := imageCodec(t)
	const size = 75 << 20
	payload := encode(t, c, testcapnp.Build(testcapnp.NewRootImage, func(m testcapnp.Image) error { return m.SetData(make([]byte, size)) }))
	image, err := c.View(payload)
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		if data, err := image.Data(); err != nil || len(data) != size {
			t.Fatal(len(data), err)
		}
	}
}

func TestCodec_Read(t *testing.T) {
	c := poseCodec(t)
	payload := encode(t, c, testcapnp.BuildPose())
	if err := c.Read(payload, func(pose testcapnp.Pose) error { checkPose(t, pose); return nil }); err != nil {
		t.Error(err)
	}
	own := errors.New("own")
	var kept testcapnp.Pose
	if err := c.Read(payload, func(pose testcapnp.Pose) error { kept = pose; return own }); err != own {
		t.Error(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a struct leads to the payload after Read")
			}
		}()
		_ = kept.Stamp()
	}()
	f := func(pose testcapnp.Pose) error { return nil }
	if n := testing.AllocsPerRun(100, func() { _ = c.Read(payload, f) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCodec_ReadOfPanics(t *testing.T) {
	c := nodeCodec(t)
	payload := encode(t, c, testcapnp.Build(testcapnp.NewRootNode, func(n testcapnp.Node) error { n.SetNone(); return nil }))
	err := c.Read(payload, func(n testcapnp.Node) error { n.Count(); return nil }) // is not the active member
	var bad *serde.DecodeError
	if !errors.As(err, &bad) || bad.Type != "testcapnp.capnp:Node" || !strings.Contains(err.Error(), "Which() != count") {
		t.Error(err)
	}
}

func isBad(err error) bool { return errors.As(err, new(*serde.DecodeError)) }
