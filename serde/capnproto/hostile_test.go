package capnproto

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"

	"capnproto.org/go/capnp/v3"

	"github.com/shmbus/shmbus/internal/testcapnp"
	"github.com/shmbus/shmbus/serde"
)

// words makes a payload of segments of words.
func words(segments ...[]uint64) []byte {
	b := appendHeader(nil, len(segments), func(i int) int { return wordSize * len(segments[i]) })
	for _, s := range segments {
		for _, w := range s {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
	}
	return b
}

// Pointers. Offsets are in words from the end of the pointer.
func structPointer(offset, data, pointers int) uint64 {
	return uint64(uint32(offset<<2)) | uint64(data)<<32 | uint64(pointers)<<48
}

func listPointer(offset, code, n int) uint64 {
	return uint64(uint32(offset<<2)) | 1 | uint64(code)<<32 | uint64(n)<<35
}

func far(segment, word int) uint64       { return 2 | uint64(word)<<3 | uint64(segment)<<32 }
func doubleFar(segment, word int) uint64 { return 4 | far(segment, word) }

// pairType is a struct of a number and a pointer to a list of pairs.
func pairType(t testing.TB, pointer string) serde.Type {
	return declared(t, structNode(1, "A", 1, 1, slotField("n", 0, 0, `"int64":null`), slotField("p", 1, 0, pointer)))
}

const (
	ownList  = `"list":{"elementType":{"struct":{"typeId":1}}}`
	own      = `"struct":{"typeId":1}`
	voidList = `"list":{"elementType":{"void":null}}`
)

func TestToJSON_FarPointers(t *testing.T) {
	typ := pairType(t, textType)
	const abc = 'a' | 'b'<<8 | 'c'<<16
	near := words([]uint64{structPointer(0, 1, 1), 7, listPointer(0, 2, 4), abc})
	want, err := ToJSON(typ, near)
	if err != nil || string(want) != `{"n":7,"p":"abc"}` {
		t.Fatal(string(want), err)
	}
	for name, payload := range map[string][]byte{
		"far root":        words([]uint64{far(1, 0)}, []uint64{structPointer(0, 1, 1), 7, listPointer(0, 2, 4), abc}),
		"far text":        words([]uint64{structPointer(0, 1, 1), 7, far(1, 1)}, []uint64{abc, listPointer(-2, 2, 4)}),
		"double far text": words([]uint64{structPointer(0, 1, 1), 7, doubleFar(2, 1)}, []uint64{0, abc}, []uint64{0, far(1, 1), listPointer(0, 2, 4)}),
	} {
		if js, err := ToJSON(typ, payload); err != nil || !bytes.Equal(js, want) {
			t.Errorf("%s: %s, %v", name, js, err)
		}
		m, err := capnp.Unmarshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Root()
		if err != nil {
			t.Fatal(err)
		}
		if text, err := p.Struct().Ptr(0); err != nil || text.Text() != "abc" || p.Struct().Uint64(0) != 7 {
			t.Errorf("%s: the library reads otherwise: %v", name, err)
		}
	}
}

func TestToJSON_HostilePointers(t *testing.T) {
	root := structPointer(0, 1, 1)
	for name, c := range map[string]struct {
		pointer string // type of the field
		payload []byte
		want    string
	}{
		"root is a list":         {textType, words([]uint64{listPointer(0, 2, 0)}), "at byte 8: the root is not a struct"},
		"root is a capability":   {textType, words([]uint64{3}), "at byte 8: the root is not a struct"},
		"root of unknown kind":   {textType, words([]uint64{7}), "at byte 8: the pointer is of an unknown kind"},
		"root outside":           {textType, words([]uint64{structPointer(0, 1, 1), 7}), "at byte 8: the pointer leads out of its segment"},
		"root before":            {textType, words([]uint64{structPointer(-2, 1, 1), 7, 0}), "at byte 8: the pointer leads out of its segment"},
		"text outside":           {textType, words([]uint64{root, 7, listPointer(0, 2, 4)}), "at byte 24: field p: the pointer leads out"},
		"text is a struct":       {textType, words([]uint64{root, 7, structPointer(0, 1, 0), 0}), "at byte 24: field p: the pointer does not lead to a text"},
		"text without its end":   {textType, words([]uint64{root, 7, listPointer(0, 2, 4), 0x01010101}), "at byte 24: field p: the pointer does not lead to a text"},
		"text without bytes":     {textType, words([]uint64{root, 7, listPointer(0, 2, 0)}), "does not lead to a text"},
		"data of wide elements":  {`"data":null`, words([]uint64{root, 7, listPointer(0, 5, 1), 0}), "the pointer does not lead to a Data"},
		"list is a struct":       {ownList, words([]uint64{root, 7, structPointer(-1, 0, 0)}), "the pointer does not lead to a List(struct t:A)"},
		"structs are bits":       {ownList, words([]uint64{root, 7, listPointer(0, 1, 8), 0}), "the pointer does not lead to a List"},
		"numbers are too narrow": {`"list":{"elementType":{"int64":null}}`, words([]uint64{root, 7, listPointer(0, 4, 2), 0}), "does not lead to a List(Int64)"},
		"pointers are numbers":   {`"list":{"elementType":{"text":null}}`, words([]uint64{root, 7, listPointer(0, 5, 1), 0}), "does not lead to a List(Text)"},
		"bools are bytes":        {`"list":{"elementType":{"bool":null}}`, words([]uint64{root, 7, listPointer(0, 2, 1), 0}), "does not lead to a List(Bool)"},
		"tag is too long":        {ownList, words([]uint64{root, 7, listPointer(0, 7, 2), structPointer(2, 1, 1), 0, 0}), "at byte 32: field p: the list does not match the tag"},
		"tag is no struct":       {ownList, words([]uint64{root, 7, listPointer(0, 7, 2), listPointer(1, 2, 1), 0, 0}), "does not match the tag"},
		"tag is outside":         {ownList, words([]uint64{root, 7, listPointer(0, 7, 0)}), "leads out of its segment"},
		"far to no segment":      {ownList, words([]uint64{root, 7, far(1, 0)}), "at byte 24: field p: a far pointer leads to no pointer"},
		"far outside":            {ownList, words([]uint64{root, 7, far(0, 3)}), "a far pointer leads to no pointer"},
		"far to a far":           {ownList, words([]uint64{root, 7, far(0, 2)}), "a far pointer leads to no pointer"},
		"double far outside":     {ownList, words([]uint64{root, 7, doubleFar(0, 2)}), "a far pointer leads to no pointer"},
		"double far to a near":   {ownList, words([]uint64{root, 7, doubleFar(0, 0)}), "a far pointer leads to no pointer"},
		"double far to a far":    {ownList, words([]uint64{root, 7, doubleFar(0, 3), far(0, 0), far(0, 0)}), "a far pointer leads to no pointer"},
		"a struct in itself":     {own, words([]uint64{root, 7, structPointer(-2, 1, 1)}), "nested too deep"},
		"a list in itself":       {ownList, words([]uint64{root, 7, listPointer(0, 7, 2), structPointer(1, 1, 1), 7, listPointer(-3, 7, 2)}), "nested too deep"},
		"many nothings":          {voidList, words([]uint64{root, 7, listPointer(0, 0, 1<<29-1)}), "lead to the same bytes too often"},
		"many empty structs":     {ownList, words([]uint64{root, 7, listPointer(0, 7, 0), structPointer(1<<29-1, 0, 0)}), "lead to the same bytes too often"},
	} {
		t.Run(name, func(t *testing.T) {
			typ := pairType(t, c.pointer)
			before := allocated()
			js, err := ToJSON(typ, c.payload)
			if used := allocated() - before; used > 4<<20 {
				t.Errorf("%d bytes allocated", used)
			}
			var bad *serde.DecodeError
			if !errors.As(err, &bad) || bad.Type != "t:A" || js != nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %v", js, err)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Error(err)
			}
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// amplified is a message whose pointers all lead to the same large list.
func amplified() []byte {
	const pointers, size = 4096, 4096
	s := make([]uint64, 3+pointers+size)
	s[0], s[1], s[2] = structPointer(0, 1, 1), 7, listPointer(0, 6, pointers)
	for i := range pointers {
		s[3+i] = listPointer(pointers-1-i, 2, 8*size)
	}
	return words(s)
}

func TestToJSON_Amplification(t *testing.T) {
	for _, element := range []string{textType, `"data":null`, `"list":{"elementType":{"uint8":null}}`} {
		typ := pairType(t, `"list":{"elementType":{`+element+`}}`)
		payload := amplified()
		before := allocated()
		_, err := ToJSON(typ, payload)
		if !errors.Is(err, errAmplified) {
			t.Error(err)
		}
		if used := allocated() - before; used > 64<<20 {
			t.Errorf("%d bytes allocated", used)
		}
	}
}

func TestToJSON_LengthLimited(t *testing.T) {
	name := strings.Repeat("x", 1<<16)
	typ := declared(t, structNode(1, "A", 1, 1, slotField(name, 0, 0, `"int64":null`), slotField("p", 1, 0, ownList)))
	payload := words(append([]uint64{structPointer(0, 1, 1), 7, listPointer(0, 7, 64), structPointer(64, 1, 0)}, make([]uint64, 64)...))
	if _, err := ToJSON(typ, payload); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
}

// Names of a schema may all be the same long text.
func TestParseSchema_Amplification(t *testing.T) {
	const nodes, size = 1000, 5000 // of 6 words each
	s := make([]uint64, 3+6*nodes+size)
	s[0], s[1], s[2] = structPointer(0, 0, 1), listPointer(0, 7, 6*nodes), structPointer(nodes, 5, 1)
	for i := range nodes {
		at := 3 + 6*i
		s[at], s[at+1] = uint64(i), 1<<32 // a struct
		s[at+5] = listPointer(len(s)-size-(at+6), 2, 8*size)
	}
	typ := serde.Type{Name: "x", Encoding: Encoding, SchemaEncoding: Encoding, Schema: words(s)}
	before := allocated()
	if _, err := ParseSchema(typ); !errors.Is(err, errAmplified) {
		t.Error(err)
	}
	if used := allocated() - before; used > 4<<20 {
		t.Errorf("%d bytes allocated for a schema of %d", used, len(typ.Schema))
	}
}

func TestSplit_Hostile(t *testing.T) {
	for name, c := range map[string]struct {
		payload []byte
		want    string
	}{
		"nothing":               {nil, "the payload has 0 bytes"},
		"too many segments":     {binary.LittleEndian.AppendUint64(nil, 0xffffffff), "4294967296 segments are more than 512"},
		"header cut":            {binary.LittleEndian.AppendUint64(nil, 2), "fewer than the framing of 3 segments"},
		"segment too long":      {binary.LittleEndian.AppendUint64(nil, 0xffffffff<<32), "at byte 4: segment 0 has 34359738360 bytes, and 0 are left"},
		"first segment empty":   {make([]byte, 8), "at byte 4: the first segment is empty"},
		"bytes after":           {append(words([]uint64{0}), 0), "at byte 16: bytes follow the message"},
		"second segment is cut": {words([]uint64{0}, []uint64{0})[:24], "at byte 8: segment 1 has 8 bytes, and 0 are left"},
	} {
		if _, err := split(c.payload, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// visit reads all of a node by the generated code, as an application does.
func visit(n testcapnp.Node) error {
	name, err1 := n.Name()
	blob, err2 := n.Blob()
	next, err3 := n.Next()
	children, err4 := n.Children()
	flags, err5 := n.Flags()
	numbers, err6 := n.Numbers()
	texts, err7 := n.Texts()
	nested, err8 := n.Nested()
	origin, err9 := n.Origin()
	_, err10 := n.Any()
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9, err10); err != nil {
		return err
	}
	_, _, _, _ = name, blob, n.I64(), origin.Y()
	switch n.Which() {
	case testcapnp.Node_Which_label:
		if _, err := n.Label(); err != nil {
			return err
		}
	case testcapnp.Node_Which_place:
		if _, err := n.Place(); err != nil {
			return err
		}
	}
	for i := range flags.Len() {
		_ = flags.At(i)
	}
	for i := range numbers.Len() {
		_ = numbers.At(i)
	}
	for i := range texts.Len() {
		if _, err := texts.At(i); err != nil {
			return err
		}
	}
	for i := range nested.Len() {
		inner, err := nested.At(i)
		if err != nil {
			return err
		}
		list := capnp.Int16List(inner.List())
		for i := range list.Len() {
			_ = list.At(i)
		}
	}
	if next.IsValid() {
		if err := visit(next); err != nil {
			return err
		}
	}
	for i := range children.Len() {
		if err := visit(children.At(i)); err != nil {
			return err
		}
	}
	return nil
}

// decodeAll passes a payload to all that reads payloads. It returns an error if one of them returns another one than a *DecodeError.
func decodeAll(t *testing.T, c *Codec[testcapnp.Node], s *Schema, payload []byte) (decoded bool) {
	t.Helper()
	var v testcapnp.Node
	if err := c.Decoder().Decode(payload, &v); err != nil && !isBad(err) {
		t.Fatalf("Decode of %x: %v", payload, err)
	}
	var panicked *serde.DecodeError
	if err := c.Read(payload, visit); errors.As(err, &panicked) && strings.Contains(err.Error(), "panic") {
		t.Fatalf("Read of %x: %v", payload, err)
	}
	js, err := s.ToJSON(payload)
	switch {
	case err != nil && !isBad(err):
		t.Fatalf("ToJSON of %x: %v", payload, err)
	case err == nil && !json.Valid(js):
		t.Fatalf("ToJSON of %x: %s", payload, js)
	}
	sameValue(t, s, payload)
	return err == nil
}

func TestDecoders_TruncationsAndFlips(t *testing.T) {
	c := nodeCodec(t)
	s, err := ParseSchema(c.Type())
	if err != nil {
		t.Fatal(err)
	}
	payload, err := s.FromJSON([]byte(wholeNode()))
	if err != nil {
		t.Fatal(err)
	}
	if !decodeAll(t, c, s, payload) {
		t.Fatal("not decoded")
	}
	for n := range payload {
		if decodeAll(t, c, s, payload[:n]) {
			t.Fatalf("the first %d bytes are decoded", n)
		}
	}
	for i := range payload {
		for _, bits := range []byte{0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff} {
			payload[i] ^= bits
			decodeAll(t, c, s, payload)
			payload[i] ^= bits
		}
	}
}

// A list that contains itself passes the library's limit of depth if that becomes zero at the list. The limit of bytes ends it.
func TestCodec_ReadOfCyclicList(t *testing.T) {
	c := nodeCodec(t)
	for _, test := range []struct{ structs, least, most int }{{0, 30, maxDepth}, {1, 1000, traverseRecursive / 8}, {2, 30, maxDepth}} {
		n := testcapnp.Build(testcapnp.NewRootNode, func(n testcapnp.Node) (err error) {
			for range test.structs {
				if n, err = n.NewNext(); err != nil {
					return err
				}
			}
			children, err := n.NewChildren(1)
			if err != nil {
				return err
			}
			return children.At(0).SetChildren(children)
		})
		payload := encode(t, c, n)
		deepest := 0
		var descend func(n testcapnp.Node, depth int) error
		descend = func(n testcapnp.Node, depth int) error {
			deepest = max(deepest, depth)
			next, err := n.Next()
			if err != nil {
				return err
			}
			if next.IsValid() {
				return descend(next, depth+1)
			}
			children, err := n.Children()
			if err != nil || children.Len() == 0 {
				return err
			}
			return descend(children.At(0), depth+1)
		}
		err := c.Read(payload, func(n testcapnp.Node) error { return descend(n, 0) })
		if err == nil || deepest < test.least || deepest > test.most {
			t.Error(test.structs, deepest, err)
		}
		if _, err := ToJSON(c.Type(), payload); !errors.Is(err, errDepth) {
			t.Error(err)
		}
	}
}

// A publisher may change the payload at any time.
func TestCodec_ReadOfChangingPayload(t *testing.T) {
	c := nodeCodec(t)
	s, err := ParseSchema(c.Type())
	if err != nil {
		t.Fatal(err)
	}
	original, err := s.FromJSON([]byte(wholeNode()))
	if err != nil {
		t.Fatal(err)
	}
	payload := bytes.Clone(original)
	garble := func(with byte) {
		for i := range payload {
			payload[i] = with
		}
	}
	for _, with := range []byte{0, 0x01, 0x7f, 0x80, 0xff} {
		copy(payload, original)
		if err := c.Read(payload, func(n testcapnp.Node) error {
			numbers, err := n.Nested()
			if err != nil {
				return err
			}
			children, err := n.Children()
			if err != nil {
				return err
			}
			garble(with)
			for i := range numbers.Len() {
				_, _ = numbers.At(i)
			}
			for i := range children.Len() {
				_ = visit(children.At(i))
			}
			_ = visit(n)
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	copy(payload, original)
	err = c.Read(payload, func(n testcapnp.Node) error {
		if n.Which() == testcapnp.Node_Which_count {
			garble(0xff)
			_ = n.Count()
		}
		return nil
	})
	if !isBad(err) || !strings.Contains(err.Error(), "Which() != count") {
		t.Error(err)
	}
}
