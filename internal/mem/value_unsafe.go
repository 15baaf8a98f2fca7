package mem

import (
	"reflect"
	"unsafe"
)

// A Value is the memory of a Go value, which code that was made from the value's type reads and writes by offset. An offset outside of
// the value is a panic. That a field of the given type is at an offset is up to the caller, and so is that no pointer is in bytes that
// are written.
type Value struct {
	first unsafe.Pointer
	size  uintptr
}

// ValueOf returns the memory of *v.
func ValueOf[T any](v *T) Value { return Value{unsafe.Pointer(v), unsafe.Sizeof(*v)} }

// Sub returns size bytes of the value from off on.
func (v Value) Sub(off, size uintptr) Value {
	if off > v.size || size > v.size-off {
		panic("mem: part outside of its value")
	}
	if size == 0 {
		return Value{v.first, 0} // and no pointer behind the value
	}
	return Value{unsafe.Add(v.first, off), size}
}

// Bytes returns the bytes of a part that has no pointers.
func (v Value) Bytes(off, size uintptr) []byte {
	if off > v.size || size > v.size-off {
		panic("mem: bytes outside of their value")
	}
	if size == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Add(v.first, off)), size)
}

// Field returns the field of type F at off.
func Field[F any](v Value, off uintptr) *F {
	var f F
	if off > v.size || unsafe.Sizeof(f) > v.size-off || (uintptr(v.first)+off)%unsafe.Alignof(f) != 0 {
		panic("mem: field outside of its value")
	}
	return (*F)(unsafe.Add(v.first, off))
}

// Elements returns the number of elements of the slice at off and their memory. One element has size bytes.
func (v Value) Elements(off, size uintptr) (int, Value) {
	s := *Field[[]byte](v, off)
	return len(s), Value{unsafe.Pointer(unsafe.SliceData(s)), uintptr(len(s)) * size}
}

// SetElements makes the slice at off one of n elements, whose memory is b. The elements have no pointers, and b is aligned for them as
// the result of Alloc is.
func (v Value) SetElements(off uintptr, b []byte, n int) {
	_ = b[:n]
	*Field[[]byte](v, off) = unsafe.Slice(unsafe.SliceData(b), n)
}

// MakeElements makes the slice at off, which is nil and of the given type, one of n zero elements, and returns their memory.
func (v Value) MakeElements(off uintptr, slice reflect.Type, n int) Value {
	s := reflect.NewAt(slice, unsafe.Pointer(Field[[]byte](v, off))).Elem()
	s.Grow(n)
	s.SetLen(n)
	_, elements := v.Elements(off, slice.Elem().Size())
	return elements
}
