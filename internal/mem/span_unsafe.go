package mem

import "unsafe"

// A Span is a byte slice without its capacity: a word less to hand from function to function. The memory must be kept alive
// by other means, as mapped memory is. The zero Span is nil.
type Span struct {
	first *byte
	n     int
}

// SpanOf returns b as a Span.
func SpanOf(b []byte) Span { return Span{unsafe.SliceData(b), len(b)} }

// SpanOfWords returns the first n bytes of words.
func SpanOfWords(words []uint64, n int) Span {
	_ = words[:(n+7)/8]
	return Span{(*byte)(unsafe.Pointer(unsafe.SliceData(words))), n}
}

// Bytes returns the slice. It cannot grow in place.
func (s Span) Bytes() []byte { return unsafe.Slice(s.first, s.n) }

// Len is the number of bytes.
func (s Span) Len() int { return s.n }
