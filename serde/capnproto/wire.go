package capnproto

import (
	"encoding/binary"
	"errors"
)

// A message is a whole message in private memory that is read by its schema. Its bytes are not trusted.
type message struct {
	segments [][]byte
	begins   []int // of the segments, in the payload
	left     int   // words that pointers may still lead to, so that many pointers to one object end
}

// newMessage splits a payload, which must not change while the message is in use. All pointers together may lead to factor times as many
// bytes as there are, and a few more.
func newMessage(payload []byte, factor int) (*message, error) {
	segments, err := split(payload, nil)
	if err != nil {
		return nil, err
	}
	m := &message{segments: segments, left: factor*(len(payload)/wordSize) + 1<<12}
	at := headerSize(len(segments))
	for _, s := range segments {
		m.begins = append(m.begins, at)
		at += len(s)
	}
	return m, nil
}

// A place is where a pointer is: a whole word within its segment.
type place struct{ segment, offset int }

type targetKind uint8

const (
	isNull targetKind = iota
	isStruct
	isList
	isCapability
)

// A target is what a pointer leads to. Its bytes are within its segment.
type target struct {
	kind   targetKind
	object structure // the struct, or the first element of a list
	bits   int       // of an element; -1 if elements are structs
	n      int       // elements
}

// A structure is a struct or an element of a list.
type structure struct {
	m        *message
	segment  int
	offset   int // of the data, in the segment
	data     int // bytes
	pointers int
}

func (m *message) word(p place) uint64 {
	return binary.LittleEndian.Uint64(m.segments[p.segment][p.offset:])
}

// has reports whether n bytes begin at offset in a segment.
func (m *message) has(segment uint64, offset, n int64) bool {
	return segment < uint64(len(m.segments)) && offset >= 0 && n <= int64(len(m.segments[segment]))-offset
}

// follow resolves the pointer at p.
func (m *message) follow(p place) (target, error) {
	word := m.word(p)
	segment, start := p.segment, int64(p.offset)+wordSize+wordSize*int64(int32(word)>>2)
	if word&3 == 2 {
		pad, padOffset := word>>32, int64(uint32(word)>>3)*wordSize
		double := word&4 != 0
		size := int64(wordSize)
		if double {
			size *= 2
		}
		if !m.has(pad, padOffset, size) {
			return target{}, m.fault(p, errFar)
		}
		segment = int(pad)
		landing := place{segment, int(padOffset)}
		word = m.word(landing)
		start = padOffset + wordSize + wordSize*int64(int32(word)>>2)
		if double {
			if word&7 != 2 || word>>32 >= uint64(len(m.segments)) {
				return target{}, m.fault(landing, errFar)
			}
			segment, start = int(word>>32), int64(uint32(word)>>3)*wordSize
			landing.offset += wordSize
			word = m.word(landing)
		}
		if word&3 == 2 {
			return target{}, m.fault(landing, errFar)
		}
		p = landing
	}
	switch {
	case word == 0:
		return target{}, nil
	case word&3 == 0:
		return m.structAt(p, word, segment, start)
	case word&3 == 1:
		return m.listAt(p, word, segment, start)
	case uint32(word) == 3:
		return target{kind: isCapability}, nil
	}
	return target{}, m.fault(p, errPointer)
}

// structAt is the struct to which a pointer leads.
func (m *message) structAt(p place, word uint64, segment int, start int64) (target, error) {
	s := structure{m: m, segment: segment, offset: int(start), data: wordSize * int(uint16(word>>32)), pointers: int(word >> 48)}
	if !m.has(uint64(segment), start, int64(s.size())) {
		return target{}, m.fault(p, errBounds)
	}
	return target{kind: isStruct, object: s}, m.charge(p, 1+s.size()/wordSize)
}

var elementBits = [...]int{0, 1, 8, 16, 32, 64, 64}

// listAt is the list to which a pointer leads.
func (m *message) listAt(p place, word uint64, segment int, start int64) (target, error) {
	n := int64(word >> 35)
	first := structure{m: m, segment: segment, offset: int(start)}
	if code := word >> 32 & 7; code < 7 {
		bits := elementBits[code]
		size := (n*int64(bits) + 7) / 8
		if !m.has(uint64(segment), start, size) {
			return target{}, m.fault(p, errBounds)
		}
		if code == 6 {
			first.pointers = 1
		} else {
			first.data = bits / 8
		}
		cost := size / wordSize
		if bits == 0 {
			cost = n
		}
		return target{kind: isList, object: first, bits: bits, n: int(n)}, m.charge(p, 1+int(cost))
	}
	if !m.has(uint64(segment), start, wordSize+wordSize*n) {
		return target{}, m.fault(p, errBounds)
	}
	tag := m.word(place{segment, int(start)})
	count := int64(uint32(tag) >> 2)
	first.offset += wordSize
	first.data, first.pointers = wordSize*int(uint16(tag>>32)), int(tag>>48)
	if tag&3 != 0 || count*int64(first.size()) > wordSize*n {
		return target{}, m.fault(place{segment, int(start)}, errTag)
	}
	return target{kind: isList, object: first, bits: -1, n: int(count)}, m.charge(p, 1+int(max(n, count)))
}

func (m *message) charge(p place, words int) error {
	if m.left -= words; m.left < 0 {
		return m.fault(p, errAmplified)
	}
	return nil
}

func (s structure) size() int { return s.data + wordSize*s.pointers }

func (s structure) place() place { return place{s.segment, s.offset} }

// element returns an element of a list of anything but bits.
func (t target) element(i int) structure {
	t.object.offset += i * t.object.size()
	return t.object
}

// bit returns an element of a list of bits.
func (t target) bit(i int) uint64 {
	b := t.object.m.segments[t.object.segment][t.object.offset+i/8]
	return uint64(b >> (i % 8) & 1)
}

// value returns the bits of a number of the given width that is the index-th of its width. Beyond the data it is 0.
func (s structure) value(index uint32, width int) uint64 {
	if width == 1 {
		if index/8 >= uint32(s.data) {
			return 0
		}
		return uint64(s.m.segments[s.segment][s.offset+int(index/8)] >> (index % 8) & 1)
	}
	at := int64(index) * int64(width/8)
	if width == 0 || at+int64(width/8) > int64(s.data) {
		return 0
	}
	b := s.m.segments[s.segment][s.offset+int(at):]
	switch width {
	case 8:
		return uint64(b[0])
	case 16:
		return uint64(binary.LittleEndian.Uint16(b))
	case 32:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// pointer returns the place of a pointer, if the struct has it.
func (s structure) pointer(i uint32) (place, bool) {
	if int64(i) >= int64(s.pointers) {
		return place{}, false
	}
	return place{s.segment, s.offset + s.data + wordSize*int(i)}, true
}

// target follows a pointer of the struct. Beyond its pointers it is null.
func (s structure) target(i uint32) (target, error) {
	p, ok := s.pointer(i)
	if !ok {
		return target{}, nil
	}
	return s.m.follow(p)
}

// bytes are the content of a list of bytes.
func (t target) bytes() []byte {
	return t.object.m.segments[t.object.segment][t.object.offset:][:t.n]
}

// text is the content of a text, without the zero byte at its end.
func (t target) text() ([]byte, error) {
	if t.kind == isNull {
		return nil, nil
	}
	if t.kind != isList || t.bits != 8 || t.object.pointers != 0 || t.n == 0 || t.bytes()[t.n-1] != 0 {
		return nil, errText
	}
	return t.bytes()[:t.n-1], nil
}

var (
	errPointer   = errors.New("the pointer is of an unknown kind")
	errFar       = errors.New("a far pointer leads to no pointer")
	errBounds    = errors.New("the pointer leads out of its segment")
	errTag       = errors.New("the list does not match the tag in front of it")
	errAmplified = errors.New("pointers lead to the same bytes too often")
	errText      = errors.New("the pointer does not lead to a text")
)
