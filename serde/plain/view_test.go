package plain

import (
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"strings"
	"structs"
	"testing"
	"unsafe"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/serde"
)

func TestView_IsThePayload(t *testing.T) {
	c := codec[inPlace](t)
	b := encode(t, c, someInPlace())
	v, err := c.View(b)
	if err != nil || *v != someInPlace() {
		t.Fatalf("%+v, %v", v, err)
	}
	b[reflect.TypeFor[inPlace]().Field(3).Offset] = 0xff // a publisher changes the bool after the check
	if unsafe.Pointer(v) != unsafe.Pointer(&b[0]) || !v.Valid.IsTrue() {
		t.Error("it is a copy")
	}
}

func TestView_Refused(t *testing.T) {
	c := codec[inPlace](t)
	good := encode(t, c, someInPlace())
	misaligned := mem.Alloc(len(good) + 1)[1:]
	copy(misaligned, good)
	for want, payload := range map[string][]byte{
		"the payload has 0 bytes, not 48":           {},
		"the payload has 47 bytes, not 48":          good[:47],
		"the payload has 49 bytes, not 48":          append(aligned(good), 0),
		"not aligned":                               misaligned,
		".Mode: at offset 4 an enum is 4, not 0":    set(good, 4, 4),
		".Valid: at offset 5 a bool is 2, not 0 or": set(good, 5, 2),
	} {
		v, err := c.View(payload)
		if de := (*serde.DecodeError)(nil); !errors.As(err, &de) || v != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; want %q", v, err, want)
		}
	}
}

func TestView_BoolOfGo(t *testing.T) {
	c := codec[everything](t)
	_, err := c.View(encode(t, c, someEverything()))
	var wrong *TypeError
	if !errors.As(err, &wrong) || wrong.Field != ".Go" || !strings.Contains(err.Error(), "use plain.Bool") {
		t.Error(err)
	}
	type list struct {
		_ structs.HostLayout
		A [2]struct {
			_ structs.HostLayout
			B bool
		}
	}
	l := codec[list](t)
	if _, err := l.View(encode(t, l, list{})); !errors.As(err, &wrong) || wrong.Field != ".A[].B" {
		t.Error(err)
	}
	s := sliceCodec[point, bool](t)
	if _, _, err := s.View(encode(t, s, Slice[point, bool]{})); !errors.As(err, &wrong) || wrong.Type != "bool" {
		t.Error(err)
	}
	// In memory to write there is none that is neither true nor false.
	buf := dirty(c.Size())
	if v, err := c.Overwrite(buf); err != nil || v.Go || buf[0] != 0 {
		t.Errorf("%x, %v", buf, err)
	}
	buf = dirty(64)
	if _, items, err := s.Overwrite(buf, 3); err != nil || items[2] || buf[26] != 0 {
		t.Errorf("%x, %v", buf, err)
	}
}

func TestInit_Refused(t *testing.T) {
	c := codec[inPlace](t)
	for want, buf := range map[string][]byte{"the buffer has 47 bytes, not 48": make([]byte, 47), "not aligned": mem.Alloc(64)[1:]} {
		for _, prepare := range []func([]byte) (*inPlace, error){c.Init, c.Overwrite} {
			if v, err := prepare(buf); v != nil || err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, %v; want %q", v, err, want)
			}
		}
	}
	s := sliceCodec[point, inPlace](t)
	for n, buf := range map[int][]byte{-1: make([]byte, 64), 1: make([]byte, 71), 0: make([]byte, 23), math.MaxInt: make([]byte, 64), 2: mem.Alloc(256)[1:]} {
		if _, _, err := s.Init(buf, n); err == nil {
			t.Errorf("%d elements in %d bytes", n, len(buf))
		}
	}
}

// A value that is written in place is the same payload as that of the encoder.
func TestInit_IsWhatTheEncoderMakes(t *testing.T) {
	c := codec[inPlace](t)
	buf := dirty(64)
	v, err := c.Init(buf)
	if err != nil {
		t.Fatal(err)
	}
	v.ID, v.Mode, v.Valid, v.Stamp = 7, 2, BoolOf(true), -1
	v.Points[0].X, v.Points[1].Y, v.Points[1].Ring = 1, 2, 3
	if string(buf[:c.Size()]) != string(encode(t, c, someInPlace())) {
		t.Errorf("%x", buf)
	}
}

func TestSlice_RoundTrip(t *testing.T) {
	c := sliceCodec[inPlace, point](t)
	for _, items := range [][]point{nil, {{X: 1}}, {{X: 1}, {Y: 2}, {Z: 3, Ring: 4}}} {
		v := Slice[inPlace, point]{someInPlace(), items}
		b := encode(t, c, v)
		if len(b) != c.Size(len(items)) || binary.NativeEndian.Uint64(b) != uint64(len(items)) {
			t.Errorf("%d elements in %d bytes", len(items), len(b))
		}
		got := Slice[inPlace, point]{Items: []point{{X: 9}}}
		if err := c.Decoder().Decode(b, &got); err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("decoded %+v, %v", got, err)
		}
		h, in, err := c.View(b)
		if err != nil || *h != v.Header || len(in) != len(items) || cap(in) != len(items) {
			t.Fatalf("%+v, %v, %v", h, in, err)
		}
		for i := range in {
			if in[i] != items[i] || unsafe.Pointer(&in[i]) != unsafe.Pointer(&b[56+16*i]) {
				t.Errorf("element %d is %+v, or a copy", i, in[i])
			}
		}
	}
	none := sliceCodec[struct{}, float64](t)
	b := encode(t, none, Slice[struct{}, float64]{Items: []float64{1, 2}})
	if _, in, err := none.View(b); err != nil || len(b) != 24 || in[1] != 2 {
		t.Errorf("without a header: %v, %v", in, err)
	}
	if c.Size(-1) != math.MaxInt || c.Size(math.MaxInt/16) != math.MaxInt || c.Size(0) != 56 {
		t.Error("sizes")
	}
}

func TestSlice_HostilePayloads(t *testing.T) {
	c := sliceCodec[inPlace, inPlace](t)
	good := encode(t, c, Slice[inPlace, inPlace]{Items: []inPlace{someInPlace(), someInPlace()}})
	count := func(n uint64) []byte {
		b := aligned(good)
		binary.NativeEndian.PutUint64(b, n)
		return b
	}
	for want, payload := range map[string][]byte{
		"the payload has 0 bytes, fewer than the 56":      {},
		"the payload has 55 bytes, fewer than the 56":     good[:55],
		"has 2 elements of 48 bytes and 95":               good[:151],
		"has 2 elements of 48 bytes and 0":                good[:56],
		"has 1 elements of 48 bytes and 96":               count(1),
		"has 3 elements":                                  count(3),
		"has 18446744073709551615 elements":               count(math.MaxUint64),
		"has 4294967298 elements":                         count(1<<32 + 2),
		"has 384307168202282328 elements":                 count((1<<64)/48 + 3),
		".Header.Mode: at offset 12 an enum is 9":         set(good, 12, 9),
		".Items[1].Valid: at offset 109 a bool is 3, not": set(good, 56+48+5, 3),
	} {
		v := Slice[inPlace, inPlace]{Items: []inPlace{{}}}
		err := c.Decoder().Decode(payload, &v)
		if de := (*serde.DecodeError)(nil); !errors.As(err, &de) || !strings.Contains(err.Error(), want) || v.Items != nil || v.Header != (inPlace{}) {
			t.Errorf("%v; want %q", err, want)
		}
		_, items, viewErr := c.View(payload)
		if viewErr == nil || viewErr.Error() != err.Error() || items != nil {
			t.Errorf("View: %v; Decode: %v", viewErr, err)
		}
	}
	misaligned := mem.Alloc(len(good) + 1)[1:]
	copy(misaligned, good)
	if _, _, err := c.View(misaligned); err == nil || !strings.Contains(err.Error(), "not aligned") {
		t.Error(err)
	}
	var v Slice[inPlace, inPlace]
	if err := c.Decoder().Decode(misaligned, &v); err != nil || len(v.Items) != 2 {
		t.Errorf("a copy of a misaligned payload: %v", err)
	}
}
