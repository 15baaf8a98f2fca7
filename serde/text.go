package serde

import (
	"strings"
	"unicode/utf8"
)

const (
	textBlock = 4 << 10
	textAlone = textBlock / 4
)

// String returns the codec for UTF-8 text. Invalid UTF-8 is an error for encoder and decoder. Encoding does not allocate.
// Decoded strings may be kept. Strings of at most 1 KiB are cut from blocks of 4 KiB: decoding allocates once per block,
// and a kept string keeps its block. Longer strings have memory of their own.
func String() Codec[string] { return text{} }

type text struct{}

func (text) Type() Type               { return Type{Name: "string", Encoding: EncodingString} }
func (text) Encoder() Encoder[string] { return textEncoder{} }
func (text) Decoder() Decoder[string] { return &textDecoder{} }

type textEncoder struct{}

func (textEncoder) Append(dst []byte, v string) ([]byte, error) {
	if !utf8.ValidString(v) {
		return dst, encodeError(text{}.Type(), errNotUTF8)
	}
	return append(dst, v...), nil
}

type textDecoder struct {
	block strings.Builder
}

func (d *textDecoder) Decode(src []byte, v *string) error {
	s := d.copy(src)
	// Only the copy is checked, because the source may change concurrently.
	if !utf8.ValidString(s) {
		*v = ""
		return &DecodeError{Type: "string", Encoding: EncodingString, Err: locateText(s)}
	}
	*v = s
	return nil
}

func (d *textDecoder) copy(src []byte) string {
	if len(src) > textAlone {
		return string(src)
	}
	if d.block.Cap()-d.block.Len() < len(src) {
		d.block.Reset()
		d.block.Grow(textBlock)
	}
	start := d.block.Len()
	d.block.Write(src)
	return d.block.String()[start:]
}
