package serde

import "bytes"

// Raw returns the codec for bytes that mean nothing to shmbus. Append copies the bytes behind dst; Decode copies nothing
// (see the package documentation for how long the result is valid). Neither allocates.
func Raw() Codec[[]byte] { return opaque{Type{Encoding: EncodingRaw}} }

// Opaque returns the codec for bytes that were serialised elsewhere and are announced as t. It behaves like Raw and keeps
// a copy of the schema.
func Opaque(t Type) Codec[[]byte] {
	t.Schema = bytes.Clone(t.Schema)
	return opaque{t}
}

// IsOpaque reports whether a codec was made by Raw or Opaque: payloads are its values, unchanged.
func IsOpaque(codec any) bool {
	_, ok := codec.(opaque)
	return ok
}

type opaque struct{ t Type }

func (c opaque) Type() Type               { return c.t }
func (c opaque) Encoder() Encoder[[]byte] { return passThrough{} }
func (c opaque) Decoder() Decoder[[]byte] { return passThrough{} }

type passThrough struct{}

func (passThrough) Append(dst, v []byte) ([]byte, error) { return append(dst, v...), nil }

func (passThrough) Decode(src []byte, v *[]byte) error {
	// Without capacity beyond it, so that an append to the result cannot write behind the payload.
	*v = src[:len(src):len(src)]
	return nil
}
