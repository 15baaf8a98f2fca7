package cdr

import (
	"bytes"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/serde"
)

func payload(b ...byte) []byte { return append([]byte{0, 1, 0, 0}, b...) }

func TestDecoder_HostilePayloads(t *testing.T) {
	type item struct {
		Name string
		Ok   bool
	}
	type message struct {
		A     uint8
		B     uint32
		Items []item
		Longs []int64
	}
	c := mustCodec[message](t, "a/msg/B", "uint8 a\nuint32 b\nItem[] items\nint64[<=2] longs\n"+separator+"MSG: a/Item\nstring name\nbool ok\n")
	for name, tc := range map[string]struct {
		payload []byte
		want    string
	}{
		"empty":               {nil, "offset 0: 4 bytes are needed, 0 are left"},
		"short header":        {[]byte{0, 1}, "offset 0: 4 bytes"},
		"XCDR2":               {[]byte{0, 7, 0, 0, 1}, "representation 0007 is not XCDR1"},
		"parameter list":      {[]byte{0, 3, 0, 0, 1}, "representation 0003"},
		"nothing":             {payload(), "a: offset 4: "},
		"in padding":          {payload(1, 0), "b: offset 6: "},
		"in a number":         {payload(1, 0, 0, 0, 9, 9), "b: offset 8: "},
		"no count":            {payload(1, 0, 0, 0, 9, 9, 9, 9), "items: offset 12: "},
		"4 billion items":     {payload(1, 0, 0, 0, 9, 9, 9, 9, 255, 255, 255, 255), "items: offset 12: 4294967295 elements do not fit into the 0 bytes"},
		"two items":           {payload(1, 0, 0, 0, 9, 9, 9, 9, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0), "items: offset 12: 2 elements do not fit into the 6 bytes"},
		"text of 4 GB":        {payload(1, 0, 0, 0, 9, 9, 9, 9, 1, 0, 0, 0, 255, 255, 255, 255, 0), "items[0].name: offset 16: 4294967295"},
		"no terminator":       {payload(1, 0, 0, 0, 9, 9, 9, 9, 1, 0, 0, 0, 2, 0, 0, 0, 'a', 'b', 1), "items[0].name: offset 21: the string does not end"},
		"bool":                {payload(1, 0, 0, 0, 9, 9, 9, 9, 1, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0), "items[0].ok: offset 21: a bool is neither 0 nor 1"},
		"bound":               {payload(1, 0, 0, 0, 9, 9, 9, 9, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0), "longs: offset 16: length 3 exceeds the bound of 2"},
		"longs are not there": {payload(1, 0, 0, 0, 9, 9, 9, 9, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0), "longs: offset 16: 2 elements do not fit"},
		"bytes behind":        {payload(1, 0, 0, 0, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4), "offset 20: 4 bytes follow the value"},
	} {
		v := message{A: 77, Items: []item{{"old", true}}}
		before := allocated()
		err := c.Decoder().Decode(tc.payload, &v)
		if used := allocated() - before; used > 1<<16 {
			t.Errorf("%s: %d bytes allocated", name, used)
		}
		var de *serde.DecodeError
		var fe *FieldError
		if !errors.As(err, &de) || !errors.As(err, &fe) || de.Type != "a/msg/B" || de.Encoding != Encoding || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
		if d := cmp.Diff(message{}, v); d != "" {
			t.Errorf("%s: the value is not zero: %s", name, d)
		}
		if _, err := ToJSON(c.Type(), tc.payload); !errors.As(err, &de) || !errors.As(err, &fe) {
			t.Errorf("%s: as JSON: %v", name, err)
		}
	}
}

func TestDecoder_HostileBools(t *testing.T) {
	type message struct {
		Single bool
		Three  [3]bool
		List   []bool
		Pair   [2]mixed
		Mixed  []mixed
	}
	mixedDef := separator + "MSG: a/Mixed\nfloat64 x\nuint32 y\nuint16 z\nbool ok\nuint8 pad\n"
	c := mustCodec[message](t, "a/msg/B", "bool single\nbool[3] three\nbool[] list\nMixed[2] pair\nMixed[] mixed\n"+mixedDef)
	b, err := c.Encoder().Append(nil, message{List: make([]bool, 2), Mixed: make([]mixed, 2)})
	if err != nil {
		t.Fatal(err)
	}
	for want, at := range map[string]int{
		"single: ": 0, "three: ": 2, "list[1]: ": 9, "pair[0].ok: ": 16 + 14, "pair[1].ok: ": 32 + 14, "mixed[1].ok: ": 56 + 16 + 14,
	} {
		bad := bytes.Clone(b)
		bad[headerSize+at] = 2
		var v message
		err := c.Decoder().Decode(bad, &v)
		var fe *FieldError
		if !errors.Is(err, errBool) || !errors.As(err, &fe) || fe.Offset != headerSize+at || !strings.HasPrefix(fe.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestDecoder_HostileTimes(t *testing.T) {
	c := mustCodec[poseStamped](t, "geometry_msgs/msg/PoseStamped", poseSchema)
	b, err := c.Encoder().Append(nil, poseStamped{})
	if err != nil {
		t.Fatal(err)
	}
	copy(b[8:], []byte{0, 0xca, 0x9a, 0x3b}) // 1e9
	var v poseStamped
	if err := c.Decoder().Decode(b, &v); !errors.Is(err, errNanosec) || !strings.Contains(err.Error(), "header.stamp: offset 8") {
		t.Error(err)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// Every prefix of a payload, and every payload with one byte more, is an error.
func TestDecoder_Prefixes(t *testing.T) {
	c := mustCodec[all](t, "test_msgs/msg/All", allSchema)
	b, err := c.Encoder().Append(nil, allValue())
	if err != nil {
		t.Fatal(err)
	}
	var v all
	for n := range b {
		if err := c.Decoder().Decode(b[:n:n], &v); err == nil {
			t.Errorf("%d bytes of %d were decoded", n, len(b))
		}
		if _, err := ToJSON(c.Type(), b[:n:n]); err == nil {
			t.Errorf("%d bytes of %d were shown", n, len(b))
		}
	}
	if err := c.Decoder().Decode(append(bytes.Clone(b), 0, 0, 0, 0), &v); err == nil {
		t.Error("a payload with four bytes more was decoded")
	}
}

func TestToJSON_BoundedResult(t *testing.T) {
	text := "int8[] x\n"
	for _, name := range []string{"A", "B", "C", "D", "E", "F", "G"} {
		text += string(name) + " " + strings.Repeat(strings.ToLower(name), 250) + "\n" + separator + "MSG: a/" + name + "\n"
	}
	text += "int8 last\n"
	typ := serde.Type{Name: "a/B0", Encoding: Encoding, SchemaEncoding: SchemaEncoding, Schema: []byte("A[] list\n" + separator + "MSG: a/A\n" + strings.TrimPrefix(text, "int8[] x\nA "+strings.Repeat("a", 250)+"\n"+separator+"MSG: a/A\n"))}
	b := append(payload(0, 0, 1, 0), make([]byte, 1<<16)...)
	if _, err := ToJSON(typ, b); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
}

func FuzzSchema(f *testing.F) {
	f.Add(imuSchema)
	f.Add(imageSchema)
	f.Add(cloudSchema)
	f.Add(poseSchema)
	f.Add(allSchema)
	f.Add(nested(3))
	for _, tc := range hostileSchemas() {
		if len(tc.text) < 1<<12 {
			f.Add(tc.text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSchema("a/msg/B", text)
		if err != nil {
			var de *DefinitionError
			if !errors.As(err, &de) {
				t.Fatalf("not a *DefinitionError: %v", err)
			}
			return
		}
		// Zero values of a small schema can be made and shown.
		if s.root.size > 1<<16 || s.fields > 100 {
			return
		}
		typ := serde.Type{Name: "a/msg/B", Encoding: Encoding, SchemaEncoding: SchemaEncoding, Schema: []byte(text)}
		b, err := FromJSON(typ, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if doc, err := ToJSON(typ, b); err != nil && !errors.Is(err, errTooLong) || err == nil && !json.Valid(doc) {
			t.Fatalf("%s, %v", doc, err)
		}
	})
}

func FuzzDecoder(f *testing.F) {
	c := mustCodec[all](f, "test_msgs/msg/All", allSchema)
	for _, v := range []all{{}, allValue()} {
		b, err := c.Encoder().Append(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		big := bytes.Clone(b)
		big[1] = cdrBig
		f.Add(big)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v all
		err := c.Decoder().Decode(b, &v)
		doc, errDoc := ToJSON(c.Type(), b)
		if err != nil {
			var fe *FieldError
			if !errors.As(err, &fe) || fe.Offset < 0 || fe.Offset > len(b) {
				t.Fatalf("not a *FieldError in the payload: %v", err)
			}
			// Only the decoder checks times.
			if errDoc == nil && !errors.Is(err, errNanosec) {
				t.Fatalf("shown as %s: %v", doc, err)
			}
			return
		}
		if errDoc != nil && !errors.Is(errDoc, errTooLong) {
			t.Fatalf("not shown: %v", errDoc)
		}
		again, err := c.Encoder().Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		var w all
		if err := c.Decoder().Decode(again, &w); err != nil {
			t.Fatalf("%x, made from %x: %v", again, b, err)
		}
		third, err := c.Encoder().Append(nil, w)
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("%x became %x (%v)", again, third, err)
		}
	})
}

func FuzzToJSON(f *testing.F) {
	c := mustCodec[all](f, "test_msgs/msg/All", allSchema)
	b, err := c.Encoder().Append(nil, allValue())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(allSchema, b)
	f.Add("int8[<=3] a\nwstring w", payload(1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0x41, 0xd8, 0, 0))
	f.Add("E[4] a\n"+separator+"MSG: a/E\n", payload(0, 0, 0, 0))
	f.Add("uint8[1000000] a", payload(0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, schema string, b []byte) {
		typ := serde.Type{Name: "a/msg/B", Encoding: Encoding, SchemaEncoding: SchemaEncoding, Schema: []byte(schema)}
		doc, err := ToJSON(typ, b)
		if err != nil {
			return
		}
		if !json.Valid(doc) || len(doc) > jsonMore+jsonPerByte*len(b) {
			t.Fatalf("not JSON, or too long: %s", doc)
		}
		if bytes.Contains(doc, []byte("\ufffd")) {
			return // text that is not UTF-8 became longer, perhaps than its bound
		}
		again, err := FromJSON(typ, doc)
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		if got, err := ToJSON(typ, again); err != nil || !bytes.Equal(got, doc) {
			t.Fatalf("%s became %s (%v)", doc, got, err)
		}
	})
}
