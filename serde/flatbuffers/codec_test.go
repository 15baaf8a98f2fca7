package flatbuffers

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	flatbuffers "github.com/google/flatbuffers/go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/shmbus/shmbus/internal/testfb"
	"github.com/shmbus/shmbus/serde"
)

var (
	_ serde.Codec[*testfb.Node] = (*Codec[testfb.Node])(nil)
	_ Build                     = (*testfb.NodeT)(nil).Pack
)

func TestNew_Types(t *testing.T) {
	c := nodeCodec(t)
	for _, typ := range []serde.Type{c.Type(), c.Builds().Type()} {
		if typ.Name != "testfb.Node" || typ.Encoding != "flatbuffer" || typ.SchemaEncoding != "flatbuffer" || !bytes.Equal(typ.Schema, testfb.Schema()) {
			t.Errorf("%+v", typ)
		}
	}
	for want, schema := range map[string][]byte{
		"needs a binary schema":            nil,
		"does not declare this table":      testfb.Schema(),
		"parse the flatbuffer schema of x": []byte("table Node {}"),
	} {
		if c, err := New[testfb.Node]("x", schema); c != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := New[testfb.Pose]("testfb.Vector", testfb.Schema()); err == nil || !strings.Contains(err.Error(), "as a struct") {
		t.Error(err)
	}
}

func TestBuilds_Decoded(t *testing.T) {
	c, want := nodeCodec(t), testfb.NewNode()
	payload, err := c.Builds().Encoder().Append([]byte("before"), want.Pack)
	if err != nil || !bytes.HasPrefix(payload, []byte("before")) {
		t.Fatal(err)
	}
	payload = payload[len("before"):]
	if !bytes.Equal(payload, packed(t, "Node", want.Pack)) {
		t.Error("the payload is not the library's")
	}
	var v *testfb.Node
	if err := c.Decoder().Decode(payload, &v); err != nil {
		t.Fatal(err)
	}
	clear(payload) // the value is a copy
	if d := cmp.Diff(want, v.UnPack(), cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	again, err := c.Encoder().Append(nil, v)
	if err != nil || !bytes.Equal(again, packed(t, "Node", want.Pack)) {
		t.Error("the table was not encoded like its message:", err)
	}
}

func TestBuilds_Errors(t *testing.T) {
	c := nodeCodec(t)
	for want, build := range map[string]Build{
		"the Build is nil": nil,
		"returned no root": func(b *flatbuffers.Builder) flatbuffers.UOffsetT { return 0 },
		"returned no root table": func(b *flatbuffers.Builder) flatbuffers.UOffsetT {
			return b.Offset() + 1
		},
	} {
		out, err := c.Builds().Encoder().Append([]byte("a"), build)
		if err == nil || !strings.Contains(err.Error(), "encode testfb.Node as flatbuffer: ") || !strings.Contains(err.Error(), want) || string(out) != "a" {
			t.Errorf("%q, %v, want %s", out, err, want)
		}
		if n, err := c.BuildIn(make([]byte, 100), build); n != 0 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("BuildIn: %v, want %s", err, want)
		}
	}
	build := Build(testfb.NewNode().Pack)
	var de *serde.DecodeError
	if err := c.Builds().Decoder().Decode(packed(t, "Node", build), &build); !errors.As(err, &de) || build != nil {
		t.Error(err)
	}
}

func TestEncoder_TablesInside(t *testing.T) {
	payload := packed(t, "Node", testfb.NewNode().Pack)
	root := testfb.GetRootAsNode(payload, 0)
	var child testfb.Node
	if !root.Children(&child, 0) {
		t.Fatal("no child")
	}
	enc := nodeCodec(t).Encoder()
	for want, v := range map[string]*testfb.Node{
		"the table is nil":     nil,
		"is not the root":      &child,
		"outside of the paylo": new(testfb.Node),
	} {
		out, err := enc.Append([]byte("a"), v)
		if err == nil || !strings.Contains(err.Error(), want) || string(out) != "a" {
			t.Errorf("%q, %v, want %s", out, err, want)
		}
	}
}

func TestBuildIn_EveryRoom(t *testing.T) {
	c := nodeCodec(t)
	want := testfb.NewNode()
	message := packed(t, "Node", want.Pack)
	moved, stayed := 0, 0
	for room := range len(message) + 1000 {
		memory := bytes.Repeat([]byte{0xee}, room+100)
		n, err := c.BuildIn(memory[:room], want.Pack)
		if outside := memory[room:]; !bytes.Equal(outside, bytes.Repeat([]byte{0xee}, len(outside))) {
			t.Fatalf("%d bytes: memory outside was written", room)
		}
		var re *RoomError
		if errors.As(err, &re) {
			if n != 0 || re.Room != room || re.Need <= room {
				t.Fatalf("%d bytes: %d, %v", room, n, err)
			}
			if n, err = c.BuildIn(make([]byte, re.Need), want.Pack); n == 0 || err != nil {
				t.Fatalf("%d bytes are not enough: %v", re.Need, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == len(message) {
			moved++
		} else {
			stayed++
			gap := n - len(message)
			if gap < 4 || gap > 256 || !bytes.Equal(memory[8:max(gap, 8)], make([]byte, max(gap, 8)-8)) {
				t.Fatalf("%d bytes: the gap of %d bytes has %x", room, gap, memory[:gap])
			}
		}
		var v *testfb.Node
		if err := c.Decoder().Decode(memory[:n], &v); err != nil {
			t.Fatalf("%d bytes: %v", room, err)
		}
		if d := cmp.Diff(want, v.UnPack(), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%d bytes: %s", room, d)
		}
	}
	if moved == 0 || stayed == 0 {
		t.Errorf("%d messages were moved, %d were not", moved, stayed)
	}
}

func TestBuildIn_NoIdentifier(t *testing.T) {
	c, err := New[testfb.Pose]("testfb.Pose", testfb.Schema())
	if err != nil {
		t.Fatal(err)
	}
	message := packed(t, "Pose", testfb.NewPose().Pack)
	for room := len(message); room < len(message)+100; room++ {
		memory := bytes.Repeat([]byte{0xee}, room)
		n, err := c.BuildIn(memory, testfb.NewPose().Pack)
		if errors.As(err, new(*RoomError)) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var v *testfb.Pose
		if err := c.Decoder().Decode(memory[:n], &v); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(testfb.NewPose(), v.UnPack()); d != "" {
			t.Fatal(d)
		}
	}
}

func TestRead_ResultsOfTheFunction(t *testing.T) {
	c := nodeCodec(t)
	payload := packed(t, "Node", testfb.NewNode().Pack)
	var kept *testfb.Node
	err := c.Read(payload, func(n *testfb.Node) error {
		kept = n
		if string(n.Name()) != "root" || n.ChildrenLength() != 2 {
			t.Errorf("%s", n.Name())
		}
		return errVTable // any error of a program
	})
	if !errors.Is(err, errVTable) || errors.As(err, new(*serde.DecodeError)) {
		t.Error(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the table outlives Read")
			}
		}()
		kept.Name()
	}()
	v, err := c.View(payload)
	if err != nil || string(v.Name()) != "root" {
		t.Error(err)
	}
}

func TestCodec_Allocations(t *testing.T) {
	c := nodeCodec(t)
	payload := packed(t, "Node", testfb.NewNode().Pack)
	build := Build(func(b *flatbuffers.Builder) flatbuffers.UOffsetT {
		name := b.CreateString("name")
		testfb.NodeStart(b)
		testfb.NodeAddName(b, name)
		return testfb.NodeEnd(b)
	})
	enc, room := c.Builds().Encoder(), make([]byte, 0, 1024)
	for name, f := range map[string]func() error{
		"Read": func() error {
			children := 0
			err := c.Read(payload, func(n *testfb.Node) error {
				children = n.ChildrenLength()
				return nil
			})
			if children != 2 {
				t.Error("no children")
			}
			return err
		},
		"Append":  func() error { _, err := enc.Append(room, build); return err },
		"BuildIn": func() error { _, err := c.BuildIn(room[:128], build); return err },
		"Verify":  func() error { return c.Verify(payload) },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}); n >= 1 { // a pool may be emptied by a collection
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
