package mem

import (
	"fmt"
	"reflect"
	"unsafe"
)

// A Plain views bytes as values of T, a type without pointers, and values as bytes. The zero Plain panics. A view is valid as long as
// the memory behind the bytes is. Bytes of other processes may change at any time, so that a bool in a view may be neither
// true nor false.
type Plain[T any] struct{ checked bool }

// PlainOf fails if T holds pointers.
func PlainOf[T any]() (Plain[T], error) {
	t := reflect.TypeFor[T]()
	if pointers(t) {
		return Plain[T]{}, fmt.Errorf("mem: %v holds pointers", t)
	}
	return Plain[T]{true}, nil
}

// pointers reports whether values of t may hold pointers.
func pointers(t reflect.Type) bool {
	switch k := t.Kind(); {
	case k >= reflect.Bool && k <= reflect.Complex128:
		return false
	case k == reflect.Array:
		return t.Len() > 0 && pointers(t.Elem())
	case k == reflect.Struct:
		for i := range t.NumField() {
			if pointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	}
	return true
}

// Aligned reports whether a T may begin where b begins.
func (p Plain[T]) Aligned(b []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))%unsafe.Alignof(*(*T)(nil)) == 0
}

// Is returns b as a T, nil if it is not exactly one or not aligned.
func (p Plain[T]) Is(b []byte) *T {
	if !p.checked || uintptr(len(b)) != unsafe.Sizeof(*(*T)(nil)) || !p.Aligned(b) {
		return nil
	}
	return (*T)(unsafe.Pointer(unsafe.SliceData(b)))
}

// At returns the T at the beginning of b. It panics if b is too short or not aligned.
func (p Plain[T]) At(b []byte) *T {
	if size := unsafe.Sizeof(*(*T)(nil)); uintptr(len(b)) < size {
		panic(fmt.Sprintf("mem: a value of %d bytes in %d", size, len(b)))
	}
	p.check(b)
	return (*T)(unsafe.Pointer(unsafe.SliceData(b)))
}

// Slice returns the n values at the beginning of b. It panics if b is too short or not aligned. T has at least one byte.
func (p Plain[T]) Slice(b []byte, n int) []T {
	if n < 0 || n > len(b)/int(unsafe.Sizeof(*(*T)(nil))) {
		panic(fmt.Sprintf("mem: %d values in %d bytes", n, len(b)))
	}
	if n == 0 {
		return nil
	}
	p.check(b)
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

func (p Plain[T]) check(b []byte) {
	if !p.checked || !p.Aligned(b) {
		panic("mem: misaligned view, or of a type that was not checked")
	}
}

// Bytes returns the bytes of v.
func (p Plain[T]) Bytes(v *T) []byte {
	p.check(nil)
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// SliceBytes returns the bytes of all values of s.
func (p Plain[T]) SliceBytes(s []T) []byte {
	p.check(nil)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(*(*T)(nil))))
}
