package cdr

import (
	"encoding/binary"
	"math"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/shmbus/shmbus/internal/mem"
)

// sizeOf returns the position after the value if it is encoded at pos, and checks what can be wrong with the value.
func sizeOf(ops []op, v mem.Value, pos int) (int, *FieldError) {
	for i := range ops {
		o := &ops[i]
		var err error
		switch o.kind {
		case opBlock:
			pos = (pos+o.align-1)&^(o.align-1) + int(o.size)
		case opText:
			n := len(*mem.Field[string](v, o.off))
			if o.bound != unbounded && n > o.bound {
				err = errBound(n, o.bound)
			}
			pos = (pos+3)&^3 + 4 + n + 1
		case opWideText:
			n, e := unitsOf(*mem.Field[string](v, o.off))
			if err = e; o.bound != unbounded && n > o.bound {
				err = errBound(n, o.bound)
			}
			pos = (pos+3)&^3 + 4 + 4*n
		case opTime:
			_, _, err = secondsOf(*mem.Field[time.Time](v, o.off))
			pos = (pos+3)&^3 + 8
		case opDuration:
			_, _, err = secondsOfDuration(*mem.Field[time.Duration](v, o.off))
			pos = (pos+3)&^3 + 8
		case opEmpty:
			pos++
		case opBlocks, opSequence:
			n, elements := v.Elements(o.off, o.size)
			if o.bound != unbounded && n > o.bound {
				err = errBound(n, o.bound)
			}
			if pos = (pos+3)&^3 + 4; n == 0 || err != nil {
				break
			}
			if o.kind == opBlocks {
				pos = (pos+o.align-1)&^(o.align-1) + n*int(o.size)
				break
			}
			var fe *FieldError
			if pos, fe = sizeOfElements(o, elements, n, pos); fe != nil {
				return pos, fe
			}
		case opArray:
			var fe *FieldError
			if pos, fe = sizeOfElements(o, v.Sub(o.off, o.size*uintptr(o.count)), o.count, pos); fe != nil {
				return pos, fe
			}
		}
		if err == nil && (pos < 0 || pos > math.MaxInt32-headerSize) {
			err = errTooLarge
		}
		if err != nil {
			return pos, &FieldError{Path: o.path, Offset: -1, Err: err}
		}
	}
	return pos, nil
}

func sizeOfElements(o *op, elements mem.Value, n, pos int) (int, *FieldError) {
	var err *FieldError
	for i := range n {
		if pos, err = sizeOf(o.body.ops, elements.Sub(uintptr(i)*o.size, o.size), pos); err != nil {
			return pos, err.within(o.path, i)
		}
	}
	return pos, nil
}

// unitsOf is the number of units that a text has in UTF-16.
func unitsOf(s string) (n int, err error) {
	if !utf8.ValidString(s) {
		return 0, errWideText
	}
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n, nil
}

// pad writes zeros from pos to the next multiple of align.
func pad(b []byte, pos, align int) int {
	for ; pos&(align-1) != 0; pos++ {
		b[pos] = 0
	}
	return pos
}

func putUint32(b []byte, pos int, x uint32) int {
	pos = pad(b, pos, 4)
	binary.LittleEndian.PutUint32(b[pos:], x)
	return pos + 4
}

// encode writes a value to b, the body of a payload, from pos on. b has the size that sizeOf returned.
func encode(ops []op, v mem.Value, b []byte, pos int) int {
	for i := range ops {
		o := &ops[i]
		switch o.kind {
		case opBlock:
			pos = pad(b, pos, o.align)
			n := copy(b[pos:], v.Bytes(o.off, o.size))
			if bigEndian {
				swap(b[pos:pos+n], o.parts, o.count)
			}
			pos += n
		case opText:
			s := *mem.Field[string](v, o.off)
			pos = putUint32(b, pos, uint32(len(s)+1))
			pos += copy(b[pos:], s)
			b[pos] = 0
			pos++
		case opWideText:
			pos = encodeWide(*mem.Field[string](v, o.off), b, pos)
		case opTime:
			sec, nanosec, _ := secondsOf(*mem.Field[time.Time](v, o.off))
			pos = putUint32(b, putUint32(b, pos, uint32(sec)), nanosec)
		case opDuration:
			sec, nanosec, _ := secondsOfDuration(*mem.Field[time.Duration](v, o.off))
			pos = putUint32(b, putUint32(b, pos, uint32(sec)), nanosec)
		case opEmpty:
			b[pos] = 0
			pos++
		case opBlocks:
			n, elements := v.Elements(o.off, o.size)
			if pos = putUint32(b, pos, uint32(n)); n == 0 {
				break
			}
			pos = pad(b, pos, o.align)
			size := copy(b[pos:], elements.Bytes(0, uintptr(n)*o.size))
			if bigEndian {
				swap(b[pos:pos+size], o.parts, n)
			}
			pos += size
		case opSequence:
			n, elements := v.Elements(o.off, o.size)
			pos = putUint32(b, pos, uint32(n))
			for i := range n {
				pos = encode(o.body.ops, elements.Sub(uintptr(i)*o.size, o.size), b, pos)
			}
		case opArray:
			for i := range o.count {
				pos = encode(o.body.ops, v.Sub(o.off+uintptr(i)*o.size, o.size), b, pos)
			}
		}
	}
	return pos
}

func encodeWide(s string, b []byte, pos int) int {
	start := pad(b, pos, 4)
	pos = start + 4
	for _, r := range s {
		if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
			pos = putUint32(b, pos, uint32(high))
			r = low
		}
		pos = putUint32(b, pos, uint32(r))
	}
	putUint32(b, start, uint32(pos-start-4)/4)
	return pos
}
