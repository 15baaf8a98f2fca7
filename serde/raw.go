package serde

import "bytes"

// Raw returns the codec for bytes without a meaning to shmbus. Append copies the bytes after dst. Decode does not copy; the
// package documentation gives the lifetime of the result. Neither allocates.
func Raw() Codec[[]byte] { return opaque{Type{Encoding: EncodingRaw}} }

// Opaque returns the codec for bytes that are serialized elsewhere and announced as t. It behaves like Raw and keeps a copy
// of the schema.
func Opaque(t Type) Codec[[]byte] {
	t.Schema = bytes.Clone(t.Schema)
	return opaque{t}
}

// IsOpaque reports whether a codec was made by Raw or Opaque, so that payloads are its values, unchanged.
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
	// The capacity is limited, so that an append to the result cannot write after the payload.
	*v = src[:len(src):len(src)]
	return nil
}
