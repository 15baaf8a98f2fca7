package plain

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"structs"
	"testing"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/serde"
)

func codec[T any](t testing.TB) *Codec[T] {
	t.Helper()
	c, err := New[T]()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sliceCodec[H, E any](t testing.TB) *SliceCodec[H, E] {
	t.Helper()
	c, err := NewSlice[H, E]()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// encode returns the payload of v, aligned as that of a sample.
func encode[T any](t testing.TB, c serde.Codec[T], v T) []byte {
	t.Helper()
	b, err := c.Encoder().Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return aligned(b)
}

func aligned(b []byte) []byte {
	a := mem.Alloc(len(b))
	copy(a, b)
	return a
}

func someEverything() everything {
	return everything{
		I64: math.MinInt64, U64: math.MaxUint64, F64: -0.5, I32: math.MinInt32, U32: math.MaxUint32, F32: 1.25, I16: -2, U16: 65535, I8: -128, U8: 255,
		Go: true, Our: True, Mode: 3, Signed: 2, Points: [3]point{{X: 1, Ring: 2}, {Y: 3}, {Z: 4}}, Bytes: [5]uint8{1, 2, 3, 4, 5}, Flags: [2][2]Bool{{True, False}, {False, True}},
	}
}

func someInPlace() inPlace {
	return inPlace{ID: 7, Mode: 2, Valid: True, Stamp: -1, Points: [2]point{{X: 1}, {Y: 2, Ring: 3}}}
}

func TestCodec_RoundTrip(t *testing.T) {
	c, v := codec[everything](t), someEverything()
	for _, before := range [][]byte{nil, []byte("abc"), append(make([]byte, 0, 4096), "abc"...)} {
		b, err := c.Encoder().Append(before, v)
		if err != nil || !bytes.HasPrefix(b, before) || len(b) != len(before)+c.Size() {
			t.Fatalf("%d bytes after %q: %v", len(b), before, err)
		}
		if cap(before) > 0 && cap(before) >= len(b) && &b[0] != &before[0] {
			t.Error("not written in place")
		}
		var got everything
		if err := c.Decoder().Decode(b[len(before):], &got); err != nil || got != v {
			t.Errorf("decoded %+v, %v", got, err)
		}
	}
}

func TestCodec_ByPointer(t *testing.T) {
	c := codec[inPlace](t).ByPointer()
	v := someInPlace()
	b := encode(t, c, &v)
	var first, second *inPlace
	for _, got := range []**inPlace{&first, &second} {
		if err := c.Decoder().Decode(b, got); err != nil || **got != v {
			t.Fatalf("decoded %+v, %v", *got, err)
		}
	}
	if first == second {
		t.Error("two decoded values are one")
	}
	if err := c.Decoder().Decode(b[1:], &first); err == nil || first != nil {
		t.Errorf("a payload cut short: %v, %v", first, err)
	}
	if out, err := c.Encoder().Append([]byte("a"), nil); err == nil || string(out) != "a" {
		t.Errorf("nil became %q, %v", out, err)
	}
	if !reflect.DeepEqual(c.Type(), codec[inPlace](t).Type()) {
		t.Error("values and pointers do not match")
	}
}

// set returns b with one byte changed.
func set(b []byte, off int, to byte) []byte {
	b = aligned(b)
	b[off] = to
	return b
}

func hostileEverything(t testing.TB) map[string][]byte {
	good := encode(t, codec[everything](t), someEverything())
	f := func(name string) int {
		field, ok := reflect.TypeFor[everything]().FieldByName(name)
		if !ok {
			t.Fatal(name)
		}
		return int(field.Offset)
	}
	signed := aligned(good)
	binary.NativeEndian.PutUint16(signed[f("Signed"):], 0xffff)
	return map[string][]byte{
		"the payload has 0 bytes":             {},
		"the payload has 1 bytes":             {1},
		"the payload has 111 bytes, not 112":  good[1:],
		"the payload has 113 bytes, not 112":  append(slices.Clone(good), 0),
		".Go: at offset 42 a bool is 2":       set(good, f("Go"), 2),
		".Our: at offset 43 a bool is 255":    set(good, f("Our"), 255),
		".Mode: at offset 44 an enum is 4":    set(good, f("Mode"), 4),
		".Signed: at offset 46 an enum is -1": signed,
		".Flags[1][0]: at offset 103 a bool":  set(good, f("Flags")+2, 7),
	}
}

func TestCodec_HostilePayloads(t *testing.T) {
	c := codec[everything](t)
	for want, payload := range hostileEverything(t) {
		v := someEverything()
		err := c.Decoder().Decode(payload, &v)
		var de *serde.DecodeError
		if !errors.As(err, &de) || de.Type != "plain.everything" || de.Encoding != "plain" || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
		if v != (everything{}) {
			t.Errorf("%s: the value is not zero", want)
		}
	}
}

func TestEncoder_ValuesOutOfRange(t *testing.T) {
	v := someInPlace()
	v.Mode = 4
	out, err := codec[inPlace](t).Encoder().Append([]byte("a"), v)
	if err == nil || !strings.Contains(err.Error(), "encode plain.inPlace as plain: .Mode: at offset 4 an enum is 4, not 0 to 3") || string(out) != "a" {
		t.Errorf("%q, %v", out, err)
	}
	c := sliceCodec[point, Bool](t)
	out, err = c.Encoder().Append([]byte("a"), Slice[point, Bool]{Items: []Bool{0, 1, 2}})
	if err == nil || !strings.Contains(err.Error(), ".Items[2]: at offset 26 a bool is 2") || string(out) != "a" {
		t.Errorf("%q, %v", out, err)
	}
}

// dirty returns n bytes that look like an earlier sample.
func dirty(n int) []byte {
	b := mem.Alloc(n)
	for i := range b {
		b[i] = 0xee
	}
	return b
}

// withPadding returns v with all bytes set that are zero, padding too, which the language cannot.
func withPadding[T any](t testing.TB, v T) T {
	c := codec[T](t)
	for i, b := range c.mem.Bytes(&v) {
		if b == 0 {
			c.mem.Bytes(&v)[i] = 0xee
		}
	}
	return v
}

func TestPadding_NeverShowsOldMemory(t *testing.T) {
	type gaps struct {
		_ structs.HostLayout
		A uint8
		_ [3]byte
		B uint32
		P [2]struct {
			_ structs.HostLayout
			C uint16
			_ uint16
		}
	}
	v := withPadding(t, gaps{A: 1, B: 0x01010101})
	v.P[0].C, v.P[1].C = 0x0101, 0x0101
	want := []byte{1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0}
	c := codec[gaps](t)
	if b, err := c.Encoder().Append(dirty(64)[:0], v); err != nil || !bytes.Equal(b, want) {
		t.Errorf("encoded %x, %v", b, err)
	}
	buf := dirty(64)
	if _, err := c.Init(buf); err != nil || !bytes.Equal(buf[:17], append(make([]byte, 16), 0xee)) {
		t.Errorf("Init left %x, %v", buf[:17], err)
	}
	buf = dirty(64)
	p, err := c.Overwrite(buf)
	if err != nil {
		t.Fatal(err)
	}
	p.A, p.B, p.P[0].C, p.P[1].C = 1, 0x01010101, 0x0101, 0x0101
	if !bytes.Equal(buf[:16], want) {
		t.Errorf("Overwrite left %x", buf[:16])
	}

	s := sliceCodec[[3]uint8, gaps](t)
	wantSlice := append(binary.NativeEndian.AppendUint64(nil, 1), append([]byte{1, 1, 1, 0, 0, 0, 0, 0}, want...)...)
	if b, err := s.Encoder().Append(dirty(64)[:0], Slice[[3]uint8, gaps]{[3]uint8{1, 1, 1}, []gaps{v}}); err != nil || !bytes.Equal(b, wantSlice) {
		t.Errorf("encoded %x, %v", b, err)
	}
	buf = dirty(64)
	h, items, err := s.Overwrite(buf, 1)
	if err != nil {
		t.Fatal(err)
	}
	*h = [3]uint8{1, 1, 1}
	items[0].A, items[0].B, items[0].P[0].C, items[0].P[1].C = 1, 0x01010101, 0x0101, 0x0101
	if !bytes.Equal(buf[:32], wantSlice) {
		t.Errorf("Overwrite left %x", buf[:32])
	}
	buf = dirty(64)
	if _, _, err := s.Init(buf, 2); err != nil || !bytes.Equal(buf[:49], append(append(binary.NativeEndian.AppendUint64(nil, 2), make([]byte, 40)...), 0xee)) {
		t.Errorf("Init left %x, %v", buf[:49], err)
	}
}

func TestCodec_Allocations(t *testing.T) {
	c, v := codec[inPlace](t), someInPlace()
	enc, dec, buf := c.Encoder(), c.Decoder(), make([]byte, 0, 256)
	var got inPlace
	n := testing.AllocsPerRun(100, func() {
		b, err := enc.Append(buf, v)
		if err != nil || dec.Decode(b, &got) != nil {
			t.Fatal(err)
		}
		if p, err := c.View(b); err != nil || p.ID != 7 {
			t.Fatal(err)
		}
		if p, err := c.Init(b); err != nil || p.ID != 0 {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
