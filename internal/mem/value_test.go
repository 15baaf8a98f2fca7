package mem

import (
	"fmt"
	"reflect"
	"testing"
	"unsafe"
)

type record struct {
	Number int32
	Text   string
	Words  []uint32
	Texts  []string
	End    byte
}

func TestValue_Fields(t *testing.T) {
	var r record
	v := ValueOf(&r)
	*Field[int32](v, unsafe.Offsetof(r.Number)) = 5
	*Field[string](v, unsafe.Offsetof(r.Text)) = "five"
	v.Bytes(unsafe.Offsetof(r.End), 1)[0] = 7
	b := Alloc(12)
	for i := range b {
		b[i] = 1
	}
	v.SetElements(unsafe.Offsetof(r.Words), b, 3)
	texts := v.MakeElements(unsafe.Offsetof(r.Texts), reflect.TypeFor[[]string](), 2)
	*Field[string](texts.Sub(unsafe.Sizeof(""), unsafe.Sizeof("")), 0) = "second"
	if got := fmt.Sprint(r); got != "{5 five [16843009 16843009 16843009] [ second] 7}" || cap(r.Words) != 3 {
		t.Errorf("%s, capacity %d", got, cap(r.Words))
	}
	n, words := v.Elements(unsafe.Offsetof(r.Words), 4)
	if n != 3 || len(words.Bytes(0, 12)) != 12 {
		t.Errorf("%d words", n)
	}
	if n, none := v.Sub(0, v.size).Elements(unsafe.Offsetof(r.Words), 0); n != 3 || len(none.Bytes(0, 0)) != 0 {
		t.Errorf("%d elements without size", n)
	}
}

func TestValue_Outside(t *testing.T) {
	var r record
	v := ValueOf(&r)
	size := unsafe.Sizeof(r)
	for name, f := range map[string]func(){
		"bytes":            func() { v.Bytes(size-1, 2) },
		"bytes wrapped":    func() { v.Bytes(1, ^uintptr(0)) },
		"part":             func() { v.Sub(size+1, 0) },
		"part of a part":   func() { v.Sub(0, 4).Sub(0, 5) },
		"field":            func() { Field[int64](v, size-4) },
		"field behind":     func() { Field[byte](v, size) },
		"misaligned field": func() { Field[int32](v, 1) },
		"elements":         func() { v.SetElements(unsafe.Offsetof(r.Words), make([]byte, 2), 3) },
		"nothing":          func() { Value{}.Bytes(0, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
