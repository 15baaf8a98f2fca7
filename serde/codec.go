package serde

import "reflect"

// Names of the encodings of this package. A Type may have any other name for bytes that are passed through.
const (
	EncodingRaw     = "raw"
	EncodingString  = "string"
	EncodingMsgPack = "msgpack"
	EncodingCBOR    = "cbor"
	EncodingJSON    = "json"
)

// A Type describes the payloads of a topic. It is announced with the topic. A subscriber with a different Type is not
// connected. Schema must not be changed.
type Type struct {
	Name           string // such as "geometry.Pose"; empty for bytes of no particular type
	Encoding       string // one of the Encoding constants, or any other name for bytes that are passed through
	SchemaEncoding string // such as "jsonschema"; empty without a schema
	Schema         []byte
}

// A Codec creates encoders and decoders for values of T. It is immutable and may be used concurrently. A publisher or
// subscriber has as many encoders or decoders as it uses at once. It calls them without a lock held, so they may use it.
type Codec[T any] interface {
	Type() Type
	Encoder() Encoder[T]
	Decoder() Decoder[T]
}

// A TypeChecker is a Codec that decides which versions of its type its decoder can read. For other codecs the rules of package
// registry decide alone.
type TypeChecker interface {
	// CheckType returns nil if the decoder can read payloads of the published type. It is called for a type that differs
	// from that of the codec in its schema only. The schema comes from another process and may be anything. The error says
	// where the types differ.
	CheckType(published Type) error
}

// A CopyDecoder is a Codec that decodes a payload where it is if that is a copy, to which no other process writes. A Decoder may
// have to copy each payload first.
type CopyDecoder[T any] interface {
	// DecodeCopy returns the one value that src holds. The value does not refer to src. The error is a *DecodeError. Calls may be
	// concurrent.
	DecodeCopy(src []byte) (T, error)
}

// An Encoder appends encoded values. It is for one goroutine at a time.
type Encoder[T any] interface {
	// Append appends v to dst and returns the extended slice. If the capacity of dst suffices, the bytes are written in
	// place. Otherwise the result is a new slice on the heap that begins with a copy of dst. On error Append returns dst
	// unchanged, except that bytes between its length and its capacity may have changed. A value that contains itself must
	// not be encoded.
	Append(dst []byte, v T) ([]byte, error)
}

// A Decoder reads encoded values. It is for one goroutine at a time.
type Decoder[T any] interface {
	// Decode stores in v the one value that src holds. The old *v is neither kept nor written to. The error is a
	// *DecodeError; *v is then the zero value.
	Decode(src []byte, v *T) error
}

// Default returns Raw for []byte, String for string and MsgPack for every other type.
func Default[T any]() Codec[T] {
	if c, ok := Raw().(Codec[T]); ok {
		return c
	}
	if c, ok := String().(Codec[T]); ok {
		return c
	}
	return MsgPack[T]()
}

// typeName is "pkg.Type". It is the same for T and *T, because they are encoded alike.
func typeName[T any]() string {
	t := reflect.TypeFor[T]()
	for t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	return t.String()
}
