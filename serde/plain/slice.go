package plain

import (
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/serde"
)

// A Slice is a header and any number of elements, such as a point cloud or an image. H may be struct{} if there is nothing to say.
type Slice[H, E any] struct {
	Header H
	Items  []E
}

// The payload of a Slice: the number of elements (8 bytes), the header, zeros up to a multiple of 8, the elements.
const headerOffset = 8

// A SliceCodec has as payload the number of elements, the bytes of an H and those of each E. It is immutable and may be used
// concurrently.
type SliceCodec[H, E any] struct {
	t      serde.Type
	header *layout
	elem   *layout
	h      mem.Plain[H]
	e      mem.Plain[E]
	first  int   // offset of the elements
	copied error // nil, or why View fails
}

// NewSlice returns the codec for values of Slice[H, E]. The error is a *TypeError if H or E is not plain.
func NewSlice[H, E any]() (*SliceCodec[H, E], error) {
	ht, et := reflect.TypeFor[H](), reflect.TypeFor[E]()
	header, err := layoutOf(ht)
	if err != nil {
		return nil, err
	}
	elem, err := layoutOf(et)
	switch {
	case err != nil:
		return nil, err
	case elem.size == 0:
		return nil, &TypeError{Type: et.String(), Reason: "it has no bytes"}
	}
	h, err := mem.PlainOf[H]()
	if err != nil {
		return nil, &TypeError{Type: ht.String(), Reason: err.Error()}
	}
	e, err := mem.PlainOf[E]()
	if err != nil {
		return nil, &TypeError{Type: et.String(), Reason: err.Error()}
	}
	return &SliceCodec[H, E]{
		t: serde.Type{
			Name:     fmt.Sprintf("plain.Slice[%v,%v]", ht, et),
			Encoding: Encoding, SchemaEncoding: SchemaEncoding, Schema: sliceSchema(header, elem),
		},
		header: header, elem: elem, h: h, e: e,
		first:  elementsOffset(header),
		copied: errors.Join(header.copiedOnly(ht.String()), elem.copiedOnly(et.String())),
	}, nil
}

func elementsOffset(header *layout) int {
	end := headerOffset + header.size
	return end + padding(end, maxAlign)
}

// Size is the length in bytes of a payload with n elements. It is math.MaxInt, for which there is no loan, if n is negative or too large.
func (c *SliceCodec[H, E]) Size(n int) int {
	if n < 0 || n > (math.MaxInt-c.first)/c.elem.size {
		return math.MaxInt
	}
	return c.first + n*c.elem.size
}

// Type returns the names of H and E and, as schema, their layouts.
func (c *SliceCodec[H, E]) Type() serde.Type { return c.t }

// Encoder returns an encoder, which may be used concurrently.
func (c *SliceCodec[H, E]) Encoder() serde.Encoder[Slice[H, E]] { return sliceCoder[H, E]{c} }

// Decoder returns a decoder, which may be used concurrently. It makes a new slice of each payload, nil without elements; View does
// without.
func (c *SliceCodec[H, E]) Decoder() serde.Decoder[Slice[H, E]] { return sliceCoder[H, E]{c} }

// count returns the number of elements of a payload whose length fits.
func (c *SliceCodec[H, E]) count(payload []byte) (int, error) {
	if len(payload) < c.first {
		return 0, fmt.Errorf("the payload has %d bytes, fewer than the %d before the elements", len(payload), c.first)
	}
	return countIn(nativeOrder().uint(payload[:headerOffset]), len(payload)-c.first, c.elem.size)
}

// check checks header and elements.
func (c *SliceCodec[H, E]) check(header, elems []byte) error {
	if err := c.header.check(nativeOrder(), header, headerOffset); err != nil {
		return c.header.named(err, ".Header", headerOffset)
	}
	if err := c.elem.checkAll(nativeOrder(), elems, c.first); err != nil {
		return namedElement(c.elem, err, c.first)
	}
	return nil
}

// namedElement is named for one of the elements that begin at first.
func namedElement(elem *layout, err error, first int) error {
	if e, ok := err.(*rangeError); ok {
		i := (e.off - first) / elem.size
		return elem.named(err, fmt.Sprintf(".Items[%d]", i), first+i*elem.size)
	}
	return err
}

type sliceCoder[H, E any] struct{ c *SliceCodec[H, E] }

func (s sliceCoder[H, E]) Append(dst []byte, v Slice[H, E]) ([]byte, error) {
	c := s.c
	header, elems := c.h.Bytes(&v.Header), c.e.SliceBytes(v.Items)
	if err := c.check(header, elems); err != nil {
		return dst, encodeError(&c.t, err)
	}
	if len(elems) > math.MaxInt-c.first-len(dst) {
		return dst, encodeError(&c.t, fmt.Errorf("%d elements are too many", len(v.Items)))
	}
	dst, added := extend(dst, c.first+len(elems))
	c.begin(added, len(v.Items))
	copy(added[headerOffset:], header)
	c.header.clearPadding(added[headerOffset:][:len(header)])
	mem.Copy(added[c.first:], elems)
	c.clearPadding(added[c.first:])
	return dst, nil
}

// begin writes what precedes the elements: their number, and zeros for header and padding.
func (c *SliceCodec[H, E]) begin(b []byte, n int) {
	clear(b[:c.first])
	nativeOrder().put(b[:headerOffset], uint64(n))
}

// clearPadding sets the padding of all elements to zero.
func (c *SliceCodec[H, E]) clearPadding(elems []byte) {
	if !c.elem.padded {
		return
	}
	for off := 0; off < len(elems); off += c.elem.size {
		c.elem.clearPadding(elems[off:][:c.elem.size])
	}
}

func (s sliceCoder[H, E]) Decode(src []byte, v *Slice[H, E]) error {
	c := s.c
	*v = Slice[H, E]{}
	n, err := c.count(src)
	if err != nil {
		return decodeError(&c.t, err)
	}
	var decoded Slice[H, E]
	if n > 0 {
		decoded.Items = make([]E, n)
	}
	header, elems := c.h.Bytes(&decoded.Header), c.e.SliceBytes(decoded.Items)
	copy(header, src[headerOffset:])
	copy(elems, src[c.first:])
	if err := c.check(header, elems); err != nil {
		return decodeError(&c.t, err)
	}
	*v = decoded
	return nil
}

// View returns header and elements of the payload in place, without a copy. Everything else is as for Codec.View; the length of the
// payload must be that of its number of elements.
func (c *SliceCodec[H, E]) View(payload []byte) (*H, []E, error) {
	if c.copied != nil {
		return nil, nil, c.copied
	}
	n, err := c.count(payload)
	if err != nil {
		return nil, nil, decodeError(&c.t, err)
	}
	header, elems := payload[headerOffset:][:c.header.size], payload[c.first:]
	if !c.aligned(payload) {
		return nil, nil, decodeError(&c.t, errMisaligned)
	}
	if err := c.check(header, elems); err != nil {
		return nil, nil, decodeError(&c.t, err)
	}
	return c.h.At(header), c.e.Slice(elems, n), nil
}

func (c *SliceCodec[H, E]) aligned(payload []byte) bool {
	return c.h.Aligned(payload[headerOffset:]) && (c.first == len(payload) || c.e.Aligned(payload[c.first:]))
}

// Init prepares buf for n elements: the first Size(n) bytes become zero but for the number of elements. It returns header and elements
// to be written in place. Everything else is as for Codec.Init.
func (c *SliceCodec[H, E]) Init(buf []byte, n int) (*H, []E, error) {
	h, elems, err := c.Overwrite(buf, n)
	if err == nil {
		clear(elems)
	}
	return h, elems, err
}

// Overwrite is Init without setting the elements to zero: they hold bytes of an earlier sample until they are assigned. Header and
// padding are set to zero.
func (c *SliceCodec[H, E]) Overwrite(buf []byte, n int) (*H, []E, error) {
	size := c.Size(n)
	switch {
	case n < 0 || len(buf) < size:
		return nil, nil, encodeError(&c.t, fmt.Errorf("the buffer has %d bytes, not the %d of %d elements", len(buf), size, n))
	case !c.aligned(buf[:size]):
		return nil, nil, encodeError(&c.t, errMisaligned)
	}
	c.begin(buf, n)
	elems := buf[c.first:size:size]
	if c.clearPadding(elems); c.elem.goBool {
		clear(elems)
	}
	return c.h.At(buf[headerOffset:][:c.header.size]), c.e.Slice(elems, n), nil
}
