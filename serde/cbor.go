package serde

import (
	"bytes"
	"io"
	"math"

	"github.com/fxamacker/cbor/v2"

	"github.com/shmbus/shmbus/serde/internal/guard"
)

// CBOR returns the codec for values of T as github.com/fxamacker/cbor/v2 encodes them: structs as maps from field name to
// value, "cbor" (or else "json") struct tags, map keys sorted, time.Time as tagged RFC 3339 text with nanoseconds and zone
// offset. The encoder writes directly after dst. If the capacity does not suffice, the value is copied once more.
//
// A duplicate map key is an error. Keys without a field are ignored, and fields without a key stay zero. Decoded into
// interfaces, maps become map[any]any.
func CBOR[T any]() Codec[T] {
	enc, err := cborEncoding().UserBufferEncMode()
	if err != nil {
		panic(err) // the options below are wrong
	}
	dec, err := cborDecoding().DecMode()
	if err != nil {
		panic(err)
	}
	return cborCodec[T]{Type{Name: typeName[T](), Encoding: EncodingCBOR}, enc, dec}
}

func cborEncoding() cbor.EncOptions {
	return cbor.EncOptions{
		Sort:    cbor.SortBytewiseLexical,
		Time:    cbor.TimeRFC3339Nano,
		TimeTag: cbor.EncTagRequired,
	}
}

func cborDecoding() cbor.DecOptions {
	return cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MapKeyByteString: cbor.MapKeyByteStringAllowed,
		MaxNestedLevels:  MaxDepth,
		// The library walks the whole payload before it allocates, so that the bytes are there for what a length
		// promises; no other limit on elements is needed.
		MaxArrayElements: math.MaxInt32,
		MaxMapPairs:      math.MaxInt32,
	}
}

type cborCodec[T any] struct {
	t   Type
	enc cbor.UserBufferEncMode
	dec cbor.DecMode
}

func (c cborCodec[T]) Type() Type          { return c.t }
func (c cborCodec[T]) Encoder() Encoder[T] { return &cborEncoder[T]{t: c.t, mode: c.enc} }

func (c cborCodec[T]) Decoder() Decoder[T] {
	d := &cborDecoder[T]{t: c.t, mode: c.dec}
	d.decode = d.value
	return d
}

type cborEncoder[T any] struct {
	t    Type
	mode cbor.UserBufferEncMode
	buf  bytes.Buffer
	v    T // the value being encoded; a field avoids one heap allocation per call
}

func (e *cborEncoder[T]) Append(dst []byte, v T) ([]byte, error) {
	e.buf, e.v = *bytes.NewBuffer(dst), v
	err := e.mode.MarshalToBuffer(&e.v, &e.buf)
	b := e.buf.Bytes()
	var zero T
	e.buf, e.v = bytes.Buffer{}, zero
	if err != nil {
		return dst, encodeError(e.t, err)
	}
	return b, nil
}

type cborDecoder[T any] struct {
	t      Type
	mode   cbor.DecMode
	src    guard.Snapshot
	v      *T
	decode func() error // d.value, bound once
}

func (d *cborDecoder[T]) Decode(src []byte, v *T) error {
	d.src.Take(src)
	d.v = v
	err := guarded(&d.t, v, d.decode)
	d.v = nil
	d.src.Drop()
	return err
}

func (d *cborDecoder[T]) value() error {
	if math.MaxInt < math.MaxInt64 {
		if err := checkCBORLengths(d.src.B); err != nil {
			return err
		}
	}
	if err := d.mode.Unmarshal(d.src.B, d.v); err != nil {
		return locateCBOR(d.src.B, err)
	}
	return nil
}

// checkCBORLengths rejects lengths that exceed the payload, with an *offsetError. The library checks this too, but truncates
// lengths to an int first, so that on 32-bit CPUs it would take a length of 2^32 for 0. All other checks are left to the
// library.
func checkCBORLengths(src []byte) error {
	all := len(src)
	for len(src) > 0 {
		at := all - len(src)
		major, info := int(src[0]>>5), src[0]&0x1f
		size := 0
		if info >= 24 && info <= 27 {
			size = 1 << (info - 24)
		}
		if src = src[1:]; size > len(src) {
			return &offsetError{at, io.ErrUnexpectedEOF}
		}
		var arg uint64
		switch {
		case size > 0:
			for _, b := range src[:size] {
				arg = arg<<8 | uint64(b)
			}
			src = src[size:]
		case info < 24:
			arg = uint64(info)
		}
		switch major {
		case cborBytes, cborString:
			if arg > uint64(len(src)) {
				return &offsetError{at, io.ErrUnexpectedEOF}
			}
			src = src[arg:]
		case cborArray, cborMap:
			if arg > uint64(len(src)) {
				return &offsetError{at, io.ErrUnexpectedEOF}
			}
		}
	}
	return nil
}
