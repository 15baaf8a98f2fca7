package plain

import (
	"errors"
	"reflect"
	"strings"
	"structs"
	"testing"
	"unsafe"
)

type mode uint8

func (mode) EnumMax() uint64 { return 3 }

type signedMode int16

func (*signedMode) EnumMax() uint64 { return 2 }

type tooWide uint8

func (tooWide) EnumMax() uint64 { return 256 }

type realEnum float64

func (realEnum) EnumMax() uint64 { return 1 }

type point struct {
	_       structs.HostLayout
	X, Y, Z float32
	Ring    uint16
	_       [2]byte
}

// everything has all that a plain type may have.
type everything struct {
	_      structs.HostLayout
	I64    int64
	U64    uint64
	F64    float64
	I32    int32
	U32    uint32
	F32    float32
	I16    int16
	U16    uint16
	I8     int8
	U8     uint8
	Go     bool
	Our    Bool
	Mode   mode
	_      [1]byte
	Signed signedMode
	Points [3]point
	Bytes  [5]uint8
	Flags  [2][2]Bool
	_      [7]byte
}

// inPlace has everything but bools of Go.
type inPlace struct {
	_      structs.HostLayout
	ID     uint32
	Mode   mode
	Valid  Bool
	_      [2]byte
	Stamp  int64
	Points [2]point
}

type nested1 struct {
	_ structs.HostLayout
	A [2]nested2
}

type nested2 struct {
	_ structs.HostLayout
	B nested3
}

type nested3 struct {
	_ structs.HostLayout
	C uint8
	D uint16
}

type (
	levels4  [1][1][1][1]uint8
	levels16 [1][1][1][1][1][1][1][1][1][1][1][1]levels4
	levels32 [1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1]levels16
	levels33 [1]levels32
)

type double[T any] struct {
	_    structs.HostLayout
	A, B T
}

type manyFields = double[double[double[double[double[double[double[double[double[double[double[double[uint8]]]]]]]]]]]]

func refusal[T any](t *testing.T, field, reason string) {
	t.Helper()
	_, err := New[T]()
	var wrong *TypeError
	if !errors.As(err, &wrong) {
		t.Errorf("%v: accepted, or not a *TypeError: %v", reflect.TypeFor[T](), err)
		return
	}
	if wrong.Type != reflect.TypeFor[T]().String() || wrong.Field != field || !strings.Contains(wrong.Reason, reason) {
		t.Errorf("%v: %q: %q; want %q: %q", wrong.Type, wrong.Field, wrong.Reason, field, reason)
	}
	if !strings.Contains(err.Error(), wrong.Type) || !strings.Contains(err.Error(), wrong.Field) {
		t.Errorf("the text lacks the place: %v", err)
	}
}

func TestNew_RefusedTypes(t *testing.T) {
	refusal[int](t, "", "differs between processors")
	refusal[uint](t, "", "differs between processors")
	refusal[uintptr](t, "", "differs between processors")
	refusal[string](t, "", "an array of bytes")
	refusal[[]byte](t, "", "NewSlice")
	refusal[complex64](t, "", "two floating-point numbers")
	refusal[[2]complex128](t, "[]", "two floating-point numbers")
	refusal[*point](t, "", "pointers")
	refusal[map[int8]int8](t, "", "pointers")
	refusal[chan bool](t, "", "pointers")
	refusal[func()](t, "", "pointers")
	refusal[any](t, "", "pointers")
	refusal[error](t, "", "pointers")
	refusal[unsafe.Pointer](t, "", "pointers")
	refusal[[0]uint8](t, "", "length 0")
	refusal[struct{}](t, "", "no bytes")
	refusal[[4]struct{}](t, "", "no bytes")
	refusal[struct{ X float64 }](t, "", "structs.HostLayout")
	refusal[struct {
		X float64
		_ structs.HostLayout
	}](t, "._", "first field")
	refusal[struct {
		_     structs.HostLayout
		X     float64
		Inner struct{ A int32 }
	}](t, ".Inner", "structs.HostLayout")
	refusal[struct {
		_ structs.HostLayout
		X float64
		E struct{}
	}](t, ".E", "no bytes")
	refusal[struct {
		_     structs.HostLayout
		Names [3]struct {
			_    structs.HostLayout
			Name string
		}
	}](t, ".Names[].Name", "an array of bytes")
	refusal[struct {
		_ structs.HostLayout
		_ *int8
	}](t, "._", "pointers")
	refusal[tooWide](t, "", "exceeds uint8")
	refusal[realEnum](t, "", "only integers")
	refusal[levels33](t, strings.Repeat("[]", 32), "deeper than 32")
	if _, err := layoutOf(reflect.ArrayOf(maxSize+1, reflect.TypeFor[uint8]())); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
}

func TestNew_TooManyFields(t *testing.T) {
	_, err := New[manyFields]()
	var wrong *TypeError
	if !errors.As(err, &wrong) || !strings.HasPrefix(wrong.Field, ".") || wrong.Reason != "there are more than 4096 fields" {
		t.Error(err)
	}
}

func TestNew_UndeclaredPadding(t *testing.T) {
	refusal[struct {
		_ structs.HostLayout
		A uint32
		B float64
	}](t, ".B", "`_ [4]byte` before it")
	refusal[struct {
		_ structs.HostLayout
		A float64
		B uint32
	}](t, "", "`_ [4]byte` as its last field")
	refusal[struct {
		_ structs.HostLayout
		A uint8
		B [3]uint16
	}](t, ".B", "`_ [1]byte` before it")
	refusal[nested1](t, ".A[].B.D", "`_ [1]byte` before it")
	refusal[struct {
		_ structs.HostLayout
		A nested3
	}](t, ".A.D", "`_ [1]byte` before it")
}

func TestNew_AcceptedTypes(t *testing.T) {
	accept[bool](t, 1)
	accept[float32](t, 4)
	accept[mode](t, 1)
	accept[signedMode](t, 2)
	accept[[1 << 20]uint8](t, 1<<20)
	accept[point](t, 16)
	accept[everything](t, 112)
	accept[inPlace](t, 48)
	accept[levels32](t, 1)
	accept[struct {
		structs.HostLayout
		point
	}](t, 16)
}

func accept[T any](t *testing.T, size int) {
	t.Helper()
	c, err := New[T]()
	if err != nil {
		t.Error(err)
		return
	}
	if c.Size() != size || uintptr(size) != reflect.TypeFor[T]().Size() {
		t.Errorf("%v has %d bytes, want %d", c.Type().Name, c.Size(), size)
	}
	if c.Type().Name != reflect.TypeFor[T]().String() || c.Type().Encoding != "plain" || c.Type().SchemaEncoding != "shmbus-plain" {
		t.Errorf("announced as %+v", c.Type())
	}
}

func TestNewSlice_RefusedTypes(t *testing.T) {
	var wrong *TypeError
	if _, err := NewSlice[string, point](); !errors.As(err, &wrong) || wrong.Type != "string" {
		t.Errorf("header: %v", err)
	}
	if _, err := NewSlice[point, nested1](); !errors.As(err, &wrong) || wrong.Field != ".A[].B.D" {
		t.Errorf("elements: %v", err)
	}
	if _, err := NewSlice[point, struct{}](); !errors.As(err, &wrong) || wrong.Reason != "it has no bytes" {
		t.Errorf("elements without bytes: %v", err)
	}
	if _, err := NewSlice[struct{}, uint8](); err != nil {
		t.Errorf("no header: %v", err)
	}
}
