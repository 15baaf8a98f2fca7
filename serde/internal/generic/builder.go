// Package generic builds the values that stand for payloads in programs without their Go type: map[string]any, []any, int64, uint64,
// float64, string, bool, []byte and nil. Codecs share it.
package generic

import (
	"errors"
	"math"
	"unicode/utf8"
)

// Memory of the values of one payload, in bytes: perByte for each byte of the payload, and base in addition.
const (
	perByte = 512
	base    = 1 << 20
)

// Approximate sizes in memory, in bytes.
const (
	mapSize     = 64
	leastMember = 8 // a map has room for so many members
	memberSize  = 40
	elementSize = 24 // of an array, with a number
	textSize    = 16
)

// errTooLarge says that a payload is the description of many more values than it has bytes, which a hostile schema can cause.
var errTooLarge = errors.New("its values take too much memory for a payload of this length")

// A Builder makes the values of one payload within a limit of memory.
type Builder struct{ left int64 }

// NewBuilder returns the Builder for a payload of n bytes.
func NewBuilder(n int) *Builder { return &Builder{base + perByte*int64(n)} }

func (b *Builder) charge(n int64) error {
	if b.left -= n; b.left < 0 {
		return errTooLarge
	}
	return nil
}

// Object returns an empty map for n members.
func (b *Builder) Object(n int) (map[string]any, error) {
	if err := b.charge(mapSize + memberSize*max(int64(n), leastMember)); err != nil {
		return nil, err
	}
	return make(map[string]any, n), nil
}

// Array returns an empty slice for n elements.
func (b *Builder) Array(n int) ([]any, error) {
	if err := b.charge(elementSize * (1 + int64(n))); err != nil {
		return nil, err
	}
	return make([]any, 0, n), nil
}

// Text returns the text in s. Each byte that is not UTF-8 becomes U+FFFD.
func (b *Builder) Text(s []byte) (string, error) {
	if err := b.charge(textSize + int64(len(s))); err != nil {
		return "", err
	}
	if !utf8.Valid(s) {
		return string([]rune(string(s))), nil
	}
	return string(s), nil
}

// Bytes returns a copy of s.
func (b *Builder) Bytes(s []byte) ([]byte, error) {
	if err := b.charge(elementSize + int64(len(s))); err != nil {
		return nil, err
	}
	return append([]byte{}, s...), nil
}

// Unsigned returns n as int64, or as uint64 if it does not fit.
func Unsigned(n uint64) any {
	if n <= math.MaxInt64 {
		return int64(n)
	}
	return n
}
