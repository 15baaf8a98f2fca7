package flatbuffers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/shmbus/shmbus/internal/testfb"
	"github.com/shmbus/shmbus/serde"
)

// walk calls every accessor of a node and of what it contains, at most as often as left says.
func walk(n *testfb.Node, left *int) {
	if *left--; *left < 0 {
		return
	}
	n.Name()
	n.Priority()
	n.Confidence()
	for i := range min(n.TagsLength(), 100) {
		n.Tags(i)
	}
	for i := range min(n.ValuesLength(), 100) {
		n.Values(i)
	}
	var content flatbuffers.Table
	if n.Content(&content) {
		switch n.ContentType() {
		case testfb.ContentPose:
			var v testfb.Pose
			v.Init(content.Bytes, content.Pos)
			v.UnPack()
		case testfb.ContentImage:
			var v testfb.Image
			v.Init(content.Bytes, content.Pos)
			v.DataBytes()
			v.FrameId()
		case testfb.ContentPointCloud:
			var v testfb.PointCloud
			var p testfb.Point
			v.Init(content.Bytes, content.Pos)
			for i := range min(v.PointsLength(), 100) {
				v.Points(&p, i)
				p.Intensity()
			}
		}
	}
	var child testfb.Node
	for i := range min(n.ChildrenLength(), 100) {
		if n.Children(&child, i) {
			walk(&child, left)
		}
	}
}

// isBad reports whether an error says that a payload is not valid.
func isBad(err error) bool {
	var de *serde.DecodeError
	return errors.As(err, &de) && de.Type == "testfb.Node" && de.Encoding == Encoding
}

// check reads a payload by all means. None of them may panic, and what is verified must be safe.
func check(t *testing.T, c *Codec[testfb.Node], s *Schema, payload []byte) {
	t.Helper()
	read := func(n *testfb.Node) error {
		left := 1000
		walk(n, &left)
		return nil
	}
	errRead := c.Read(payload, read)
	if errRead != nil && !isBad(errRead) {
		t.Errorf("Read: %v", errRead)
	}
	errVerify := c.Verify(payload)
	if errVerify != nil && !isBad(errVerify) {
		t.Errorf("Verify: %v", errVerify)
	}
	if errVerify == nil && errRead != nil {
		t.Errorf("verified, but %v", errRead)
	}
	var v *testfb.Node
	if err := c.Decoder().Decode(payload, &v); (err == nil) != (errVerify == nil) || (v == nil) != (err != nil) {
		t.Errorf("Decode: %v, Verify: %v", err, errVerify)
	}
	js, err := s.ToJSON(payload)
	switch {
	case err != nil && !isBad(err):
		t.Errorf("ToJSON: %v", err)
	case err != nil && errVerify == nil && !errors.Is(err, errJSONTooLong) && !errors.Is(err, errSteps):
		t.Errorf("verified, but %v", err)
	case len(js) > 2*maxJSON(len(payload)):
		t.Errorf("%d bytes of JSON", len(js))
	}
	sameValue(t, s, payload)
}

func nodeSchema(t testing.TB) *Schema {
	t.Helper()
	s, err := ParseSchema(testType("Node"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPayload_EveryTruncation(t *testing.T) {
	c, s := nodeCodec(t), nodeSchema(t)
	payload := packed(t, "Node", testfb.NewNode().Pack)
	payload = payload[:len(payload)-3] // padding
	for n := range len(payload) {
		check(t, c, s, payload[:n:n])
		if err := c.Verify(payload[:n:n]); err == nil {
			t.Errorf("%d bytes of %d are a message", n, len(payload))
		}
	}
}

func TestPayload_EveryFlip(t *testing.T) {
	c, s := nodeCodec(t), nodeSchema(t)
	payload := packed(t, "Node", testfb.NewNode().Pack)
	for i := range payload {
		for _, to := range []byte{0, 1, 4, 0x7f, 0x80, 0xff, payload[i] + 1, payload[i] - 1, payload[i] ^ 0x40} {
			bad := bytes.Clone(payload)
			bad[i] = to
			check(t, c, s, bad)
		}
	}
}

// words makes a message of 32-bit numbers. Some of them are two of 16 bits: uint32(low) | high<<16.
func words(all ...uint32) (b []byte) {
	for _, w := range all {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

const node = 'N' | 'O'<<8 | 'D'<<16 | 'E'<<24

func TestPayload_Hostile(t *testing.T) {
	c := nodeCodec(t)
	// The root at byte 20 has its vtable at 8: 10 bytes, the table has 8 bytes, the name is at 4 and the rest is absent.
	named := []uint32{20, node, 10 | 8<<16, 4, 0, 12}
	for name, tc := range map[string]struct {
		payload []byte
		want    string
	}{
		"empty":            {nil, "at byte 0: it lies outside"},
		"root is 0":        {words(0, node), "at byte 0: its offset is 0"},
		"root is outside":  {words(1<<31, node), "at byte 0: it lies outside"},
		"root is the last": {words(6, node), "at byte 0: it lies outside"},
		"vtable is before": {words(8, node, 100), "at byte 8: its table of fields"},
		"vtable is behind": {words(8, node, 1<<32-100), "at byte 8: its table of fields"},
		"vtable too short": {words(12, node, 2|8<<16, 4, 0), "at byte 8: its table of fields"},
		"vtable odd":       {words(12, node, 5|8<<16, 4, 0), "at byte 8: its table of fields"},
		"vtable too long":  {words(12, node, 100|8<<16, 4, 0), "at byte 8: its table of fields"},
		"table too long":   {words(12, node, 4|80<<16, 4, 0), "at byte 8: its table of fields"},
		"other identifier": {words(12, node+1, 4|4<<16, 4), "at byte 4: the file identifier"},
		"name is absent":   {words(12, node, 4|4<<16, 4), "at byte 12, field name: the field is required"},
		"name is outside":  {words(append(named, 100, 0)...), "at byte 24, field name: it lies outside"},
		"name is too long": {words(append(named, 4, 8, 0)...), "at byte 28, field name: it lies outside"},
		"name has no end":  {words(append(named, 4, 3, 0x41414141)...), "at byte 35, field name: the string does not end"},
		"name of 4 GB":     {words(append(named, 4, 1<<32-1, 0)...), "at byte 28, field name: it lies outside"},
		"field is outside": {words(20, node, 6|4<<16, 100, 0, 12), "field name: it lies outside"},
		"no identifier":    {words(12, 0, 4|4<<16, 4), "at byte 4: the file identifier"},
	} {
		err := c.Verify(tc.payload)
		if !isBad(err) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
	}
	if err := c.Verify(words(append(named, 4, 3, 0x00414141)...)); err != nil {
		t.Error(err)
	}
}

func TestRead_BytesBehindThePayload(t *testing.T) {
	c := nodeCodec(t)
	whole := words(20, node, 10|8<<16, 4, 0, 12, 4, 8, 0x41414141, 0x42424242, 0)
	payload := whole[:len(whole)-8]
	if err := c.Read(payload, func(n *testfb.Node) error {
		t.Errorf("the name is %q", n.Name())
		return nil
	}); !isBad(err) {
		t.Error(err)
	}
}

// nested is a chain of nodes. Each contains only the next.
func nested(depth int) []byte {
	b := flatbuffers.NewBuilder(0)
	name := b.CreateString("n")
	inner := flatbuffers.UOffsetT(0)
	for range depth {
		children := b.CreateVectorOfTables([]flatbuffers.UOffsetT{inner}[:min(1, int(inner))])
		testfb.NodeStart(b)
		testfb.NodeAddName(b, name)
		testfb.NodeAddChildren(b, children)
		inner = testfb.NodeEnd(b)
	}
	b.FinishWithFileIdentifier(inner, []byte("NODE"))
	return b.FinishedBytes()
}

// shared is a message in which each of some nodes has the next one several times as child.
func shared(depth, times int) []byte {
	b := flatbuffers.NewBuilder(0)
	name := b.CreateString("n")
	testfb.NodeStart(b)
	testfb.NodeAddName(b, name)
	inner := testfb.NodeEnd(b)
	for range depth {
		all := make([]flatbuffers.UOffsetT, times)
		for i := range all {
			all[i] = inner
		}
		children := b.CreateVectorOfTables(all)
		testfb.NodeStart(b)
		testfb.NodeAddName(b, name)
		testfb.NodeAddChildren(b, children)
		inner = testfb.NodeEnd(b)
	}
	b.FinishWithFileIdentifier(inner, []byte("NODE"))
	return b.FinishedBytes()
}

func TestVerify_Depth(t *testing.T) {
	c := nodeCodec(t)
	if err := c.Verify(nested(maxDepth)); err != nil {
		t.Error(err)
	}
	for _, depth := range []int{maxDepth + 1, 100000} {
		if err := c.Verify(nested(depth)); !errors.Is(err, errDepth) || !isBad(err) || len(err.Error()) > 1000 {
			t.Error(err)
		}
		if _, err := ToJSON(testType("Node"), nested(depth)); !errors.Is(err, errDepth) {
			t.Error(err)
		}
	}
}

func TestVerify_CyclicTables(t *testing.T) {
	payload := nested(1)
	c := nodeCodec(t)
	// The last 4 bytes that lead from a node to its vector of children are made to lead to a vector that holds the node.
	root := int(flatbuffers.GetUOffsetT(payload))
	table := flatbuffers.Table{Bytes: payload, Pos: flatbuffers.UOffsetT(root)}
	at := root + int(table.Offset(10))
	payload = append(payload, words(1, 0)...)
	vector := len(payload) - 8
	binary.LittleEndian.PutUint32(payload[at:], uint32(vector-at))
	binary.LittleEndian.PutUint32(payload[vector+4:], uint32(root-vector-4)) // offsets have no sign: 4 GB forward
	if err := c.Verify(payload); !isBad(err) || !strings.Contains(err.Error(), "children[0]: it lies outside") {
		t.Error(err)
	}
}

func TestVerify_SharedTables(t *testing.T) {
	c, s := nodeCodec(t), nodeSchema(t)
	for _, payload := range [][]byte{shared(60, 2), shared(6, 1000)} {
		if err := c.Verify(payload); !errors.Is(err, errSteps) || !isBad(err) {
			t.Error(err)
		}
		if _, err := s.ToJSON(payload); !errors.Is(err, errSteps) {
			t.Error(err)
		}
	}
	if err := c.Verify(shared(3, 100)); err != nil {
		t.Error(err)
	}
	// One string of 64 KiB, shown 65536 times.
	b := flatbuffers.NewBuilder(0)
	name := b.CreateString(strings.Repeat("x", 1<<16))
	tags := make([]flatbuffers.UOffsetT, 1<<16)
	for i := range tags {
		tags[i] = name
	}
	list := b.CreateVectorOfTables(tags)
	testfb.NodeStart(b)
	testfb.NodeAddName(b, name)
	testfb.NodeAddTags(b, list)
	b.FinishWithFileIdentifier(testfb.NodeEnd(b), []byte("NODE"))
	if err := c.Verify(b.FinishedBytes()); err != nil {
		t.Error(err)
	}
	if _, err := s.ToJSON(b.FinishedBytes()); !errors.Is(err, errJSONTooLong) || !isBad(err) {
		t.Error(err)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestPayload_Memory(t *testing.T) {
	c := nodeCodec(t)
	payload := words(20, node, 10|8<<16, 4, 0, 12, 4, 1<<32-1, 0)
	before := allocated()
	for range 10 {
		var v *testfb.Node
		if err := c.Decoder().Decode(payload, &v); !isBad(err) {
			t.Fatal(err)
		}
	}
	if used := allocated() - before; used > 1<<16 {
		t.Errorf("%d bytes allocated", used)
	}
}

// everySchemas are schemas for tests of hostile schemas, with a payload of each.
func everySchemas(t testing.TB) map[string][]byte {
	t.Helper()
	unions, err := os.ReadFile("testdata/unions.bfbs")
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"every.thing.Root": everyType(t).Schema, "every.thing.Unions": unions, "testfb.Node": testfb.Schema()}
}

// useSchema uses a schema that may be hostile by all means.
func useSchema(t *testing.T, name string, schema, payload []byte) {
	t.Helper()
	typ := serde.Type{Name: name, Encoding: Encoding, SchemaEncoding: Encoding, Schema: schema}
	s, err := ParseSchema(typ)
	if err != nil {
		return
	}
	if js, err := s.ToJSON(payload); err == nil {
		s.FromJSON(js)
	}
	s.ToValue(payload)
	s.FromJSON([]byte(everyJSON))
	if err := Compatible(typ, typ); err != nil {
		t.Errorf("not compatible to itself: %v", err)
	}
}

func TestSchema_TruncationsAndFlips(t *testing.T) {
	every, err := FromJSON(everyType(t), []byte(everyJSON))
	if err != nil {
		t.Fatal(err)
	}
	for name, schema := range everySchemas(t) {
		for n := 0; n < len(schema); n += 5 {
			useSchema(t, name, schema[:n:n], every)
		}
		for i := range schema {
			bad := bytes.Clone(schema)
			bad[i] = []byte{0, 0xff, schema[i] + 1, schema[i] ^ 0x40}[i/4%4]
			useSchema(t, name, bad, every)
		}
	}
}
