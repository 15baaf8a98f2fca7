package protobuf

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/serde"
)

// nodes are nodes in nodes, n deep.
func nodes(n int) (b []byte) {
	sizes := make([]int, n) // of the innermost first
	for i := 1; i < n; i++ {
		sizes[i] = 1 + protowire.SizeBytes(sizes[i-1])
	}
	for i := n - 1; i > 0; i-- {
		b = protowire.AppendVarint(append(b, 0x0a), uint64(sizes[i-1]))
	}
	return b
}

// hostilePayloads are payloads of a Node and what their errors say.
func hostilePayloads() map[string]struct {
	payload []byte
	want    string
} {
	type c = struct {
		payload []byte
		want    string
	}
	huge := protowire.AppendVarint([]byte{0x0a}, 1<<32)
	return map[string]c{
		"cut in a tag":         {[]byte{0x80}, "at byte 0: "},
		"tag of 11 bytes":      {append(bytes.Repeat([]byte{0x80}, 10), 1), "at byte 0: "},
		"field 0":              {[]byte{0x30, 0x02, 0x00, 0x00}, "at byte 2: "},
		"field 3 << 29":        {[]byte{0x80, 0x80, 0x80, 0x80, 0x30, 0x00}, "at byte 0: the field number is too large"},
		"reserved wire type":   {[]byte{0x0f}, "at byte 0"},
		"message of 4 GB":      {append(huge, 0), "at byte 0, field children: "},
		"message of 2^63":      {append(protowire.AppendVarint([]byte{0x0a}, 1<<63), 0), "at byte 0, field children: "},
		"message too long":     {[]byte{0x0a, 0x02, 0x00}, "at byte 0, field children: "},
		"field in a message":   {[]byte{0x30, 0x02, 0x0a, 0x03, 0x0a, 0x01, 0x80}, "at byte 6, field children.children: "},
		"not UTF-8 in a map":   {[]byte{0x1a, 0x05, 0x08, 0x01, 0x12, 0x01, 0xff}, "at byte 4, field texts.value: text is not valid UTF-8"},
		"end of no group":      {[]byte{0x0c}, "at byte 0"},
		"group without an end": {[]byte{0x7b, 0x08, 0x01}, "at byte 0, field 15: "},
		"packed list cut":      {[]byte{0x4a, 0x02, 0x01, 0x80}, "at byte 0, field formats: "},
		"too deep":             {nodes(protowire.DefaultRecursionLimit + 1), "nested too deep"},
		"fixed cut":            {[]byte{0x39, 1, 2, 3}, "at byte 0, field id: "},
	}
}

func TestDecoder_HostilePayloads(t *testing.T) {
	codec := Codec[*testpb.Node]()
	dec, private := codec.Decoder(), codec.(serde.CopyDecoder[*testpb.Node])
	for name, c := range hostilePayloads() {
		t.Run(name, func(t *testing.T) {
			v := &testpb.Node{Id: 1}
			before := allocated()
			err := dec.Decode(c.payload, &v)
			if used := allocated() - before; used > 1<<16+400*uint64(len(c.payload)) {
				t.Errorf("%d bytes allocated for a payload of %d", used, len(c.payload))
			}
			var bad *serde.DecodeError
			if !errors.As(err, &bad) || bad.Type != "testpb.Node" || bad.Encoding != Encoding || v != nil {
				t.Fatalf("decoded as %v (%v)", v, err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q does not contain %q", err, c.want)
			}
			if v, again := private.DecodeCopy(c.payload); again == nil || again.Error() != err.Error() || v != nil {
				t.Errorf("in private memory %v (%v), want %v", v, again, err)
			}
			if err := dec.Decode([]byte{0x39, 7, 0, 0, 0, 0, 0, 0, 0}, &v); err != nil || v.Id != 7 {
				t.Errorf("the decoder is of no use after an error: %v, %v", v, err)
			}
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestDecoder_MaxDepth(t *testing.T) {
	var v *testpb.Node
	if err := Codec[*testpb.Node]().Decoder().Decode(nodes(protowire.DefaultRecursionLimit), &v); err != nil {
		t.Error(err)
	}
	typ := Codec[*testpb.Node]().Type()
	if _, err := ToJSON(typ, nodes(serde.MaxDepth)); err != nil {
		t.Error(err)
	}
	if _, err := ToJSON(typ, nodes(serde.MaxDepth+1)); err == nil {
		t.Error("converted")
	}
}

func TestDecoder_RequiredField(t *testing.T) {
	typ := declare(t, `syntax:"proto2" message_type {name:"M" field {name:"x" number:1 label:LABEL_REQUIRED type:TYPE_INT32}}`)
	if js, err := ToJSON(typ, nil); err != nil || string(js) != "{}" { // shown as far as it goes
		t.Errorf("%s, %v", js, err)
	}
	if _, err := FromJSON(typ, []byte("{}")); err == nil || !strings.Contains(err.Error(), "required") {
		t.Error(err)
	}
}

func TestToJSON_HostilePayloads(t *testing.T) {
	typ := Codec[*testpb.Node]().Type()
	for name, c := range hostilePayloads() {
		js, err := ToJSON(typ, c.payload)
		var bad *serde.DecodeError
		if !errors.As(err, &bad) || bad.Type != "testpb.Node" || js != nil {
			t.Errorf("%s: %s (%v)", name, js, err)
		}
	}
}

func TestToJSON_LengthLimited(t *testing.T) {
	name := strings.Repeat("x", 1<<20)
	long := declare(t, `syntax:"proto3" message_type {name:"M"
		field {name:"m" number:1 label:LABEL_REPEATED type:TYPE_MESSAGE type_name:".p.M"}
		field {name:"s" number:2 label:LABEL_OPTIONAL type:TYPE_BOOL json_name:"`+name+`"}}`)
	if _, err := ToJSON(long, nil); err != nil {
		t.Error(err)
	}
	s, err := ParseSchema(long)
	if err != nil {
		t.Fatal(err)
	}
	before := allocated()
	if _, err := s.ToJSON(bytes.Repeat([]byte{0x0a, 0x00}, 1000)); !errors.Is(err, errJSONTooLong) {
		t.Error(err)
	}
	if used := allocated() - before; used > 4<<20 {
		t.Errorf("%d bytes allocated", used)
	}
}

// A payload of many small messages takes the most memory.
func TestToJSON_BoundedAllocation(t *testing.T) {
	s, err := ParseSchema(Codec[*testpb.Node]().Type())
	if err != nil {
		t.Fatal(err)
	}
	for name, piece := range map[string]string{
		"empty messages": "\x0a\x00", "flags": "\x0a\x02\x28\x01", "packed": "\x4a\x08\x01\x01\x01\x01\x01\x01\x01\x01", "unknown": "\x78\x01",
	} {
		payload := bytes.Repeat([]byte(piece), 1<<14)
		before := allocated()
		if _, err := s.ToJSON(payload); err != nil {
			t.Fatal(err)
		}
		factor := float64(allocated()-before) / float64(len(payload))
		t.Logf("%s: %.0f bytes per byte of payload", name, factor)
		if factor > 1000 {
			t.Errorf("%s: %.0f bytes per byte of payload", name, factor)
		}
	}
}

func TestWalk_LongPath(t *testing.T) {
	b := []byte{0x80}
	for range 1000 {
		b = protowire.AppendBytes([]byte{0x0a}, b)
	}
	var v *testpb.Node
	err := Codec[*testpb.Node]().Decoder().Decode(b, &v)
	if err == nil || len(err.Error()) > 400 || !strings.Contains(err.Error(), "field ...children.") || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}
