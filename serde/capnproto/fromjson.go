package capnproto

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/jsontext"
)

// maxFromJSON is how many more bytes than the document a payload may have.
const maxFromJSON = 64 << 20

// FromJSON makes a payload from one JSON object by the schema in t, for tools. It parses the schema each time; ParseSchema and
// Schema.FromJSON do that once.
func FromJSON(t serde.Type, doc []byte) ([]byte, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.FromJSON(doc)
}

// FromJSON makes a payload from one JSON object. It is the inverse of ToJSON, and also accepts integers of 64 bits as text, values of
// enums as numbers, and Data as an array of numbers. A member of a union makes it the active one; two are an error. A field that is
// missing keeps its default value, and null stands for a pointer that is not there. A name that the struct lacks is an error, as is a
// number that does not fit. An AnyPointer or an interface can only be null. The payload has one segment and at most 64 MiB more than the
// document. It is the same for equal objects.
func (s *Schema) FromJSON(doc []byte) ([]byte, error) {
	v, err := parseDocument(doc)
	if err == nil {
		header := headerSize(1)
		w := jsonWriter{out: make([]byte, header+wordSize), limit: len(doc) + maxFromJSON}
		if err = w.newStruct(s.root, header, v, serde.MaxDepth); err == nil {
			appendHeader(w.out[:0], 1, func(int) int { return len(w.out) - header })
			return w.out, nil
		}
	}
	return nil, fmt.Errorf("make a payload of %s from JSON: %w", s.name, err)
}

func parseDocument(doc []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("bytes follow the value")
	}
	return v, nil
}

// A jsonWriter makes a message of one segment from values of a document.
type jsonWriter struct {
	out   []byte // the framing, and the segment
	limit int
}

// A building is a struct or an element of a list that is being filled.
type building struct{ offset, data, pointers int }

// add appends n zero bytes, to the next whole word, and returns where they begin.
func (w *jsonWriter) add(n int64) (int, error) {
	n = (n + wordSize - 1) &^ (wordSize - 1)
	at := len(w.out)
	if n > int64(w.limit-at) {
		return 0, fmt.Errorf("the payload would have more than %d bytes", w.limit)
	}
	w.out = append(w.out, make([]byte, n)...)
	return at, nil
}

// point sets the pointer at a place. rest is all of it but the offset of its target.
func (w *jsonWriter) point(at, target int, rest uint64) {
	words := (target - at - wordSize) / wordSize
	binary.LittleEndian.PutUint64(w.out[at:], rest|uint64(uint32(words<<2)))
}

func (w *jsonWriter) newStruct(n *node, at int, v any, depth int) error {
	if depth == 0 {
		return errDepth
	}
	size := building{data: wordSize * n.words, pointers: n.pointers}
	if size.data == 0 && size.pointers == 0 {
		w.point(at, at, 0) // not null
	} else {
		target, err := w.add(int64(size.data + wordSize*size.pointers))
		if err != nil {
			return err
		}
		w.point(at, target, uint64(n.words)<<32|uint64(n.pointers)<<48)
		size.offset = target
	}
	return w.fill(n, size, v, depth)
}

// fill sets the fields of a struct or group.
func (w *jsonWriter) fill(n *node, b building, v any, depth int) error {
	members, ok := v.(map[string]any)
	switch {
	case !ok:
		return fmt.Errorf("an object is needed, not %s", jsontext.Describe(v))
	case depth == 0:
		return errDepth
	}
	known, active := 0, ""
	for i := range n.fields {
		f := &n.fields[i]
		value, ok := members[f.name]
		if !ok {
			continue
		}
		known++
		if f.variant >= 0 {
			if active != "" {
				return fmt.Errorf("%q and %q are in the same union", jsontext.Short(active), jsontext.Short(f.name))
			}
			active = f.name
			if err := w.set(b, n.which, 16, uint64(f.variant)); err != nil {
				return below(err, "."+f.name)
			}
		}
		if err := w.field(f, b, value, depth); err != nil {
			return below(err, "."+f.name)
		}
	}
	if known < len(members) {
		for name := range members {
			if n.byName(name) == nil {
				return fmt.Errorf("%s has no field %q", clip(n.name), jsontext.Short(name))
			}
		}
	}
	return nil
}

func (w *jsonWriter) field(f *field, b building, v any, depth int) error {
	switch {
	case f.inner != nil:
		return w.fill(f.inner, b, v, depth-1)
	case !f.typ.kind.pointer():
		bits, err := number(f.typ, v)
		if err != nil {
			return err
		}
		return w.set(b, f.index, f.typ.kind.bits(), bits^f.standard)
	case int64(f.index) >= int64(b.pointers):
		return errOutside
	}
	return w.target(f.typ, b.offset+b.data+wordSize*int(f.index), v, depth-1)
}

// set stores a value in the data of a struct.
func (w *jsonWriter) set(b building, index uint32, width int, bits uint64) error {
	if width == 0 {
		return nil
	}
	if (int64(index)+1)*int64(width) > 8*int64(b.data) {
		return errOutside
	}
	w.setAt(b.offset, int(index), width, bits)
	return nil
}

func (w *jsonWriter) setAt(offset, index, width int, bits uint64) {
	if width == 1 {
		w.out[offset+index/8] |= byte(bits) << (index % 8)
		return
	}
	for i := range width / 8 {
		w.out[offset+index*width/8+i] = byte(bits >> (8 * i))
	}
}

// target adds the object of a pointer.
func (w *jsonWriter) target(t *typ, at int, v any, depth int) error {
	if v == nil {
		return nil
	}
	switch t.kind {
	case kindText:
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("text is needed, not %s", jsontext.Describe(v))
		}
		return w.bytes(at, text, 1)
	case kindData:
		b, err := dataValue(v)
		if err != nil {
			return err
		}
		return w.bytes(at, string(b), 0)
	case kindList:
		values, ok := v.([]any)
		switch {
		case !ok:
			return fmt.Errorf("an array is needed, not %s", jsontext.Describe(v))
		case depth == 0:
			return errDepth
		case len(values) >= maxElements:
			return fmt.Errorf("a list has %d elements, and at most %d are possible", len(values), maxElements-1)
		}
		return w.list(t.element, at, values, depth)
	case kindStruct:
		return w.newStruct(t.node, at, v, depth)
	}
	return fmt.Errorf("a value of type %v cannot be made from JSON", t)
}

const maxElements = 1 << 29

// bytes adds a list of bytes, and zero bytes at its end.
func (w *jsonWriter) bytes(at int, content string, zeros int) error {
	n := len(content) + zeros
	if n >= maxElements {
		return fmt.Errorf("a text has %d bytes, and at most %d are possible", n, maxElements-1)
	}
	target, err := w.add(int64(n))
	if err != nil {
		return err
	}
	copy(w.out[target:], content)
	w.point(at, target, 1|2<<32|uint64(n)<<35)
	return nil
}

func (w *jsonWriter) list(t *typ, at int, values []any, depth int) error {
	n := len(values)
	width, code := t.kind.bits(), uint64(6)
	b := building{pointers: 1}
	switch {
	case t.kind == kindStruct:
		b = building{data: wordSize * t.node.words, pointers: t.node.pointers}
		words := int64(n) * int64(t.node.words+t.node.pointers)
		if words >= maxElements {
			return fmt.Errorf("a list of %d structs is too long", n)
		}
		target, err := w.add(wordSize + wordSize*words)
		if err != nil {
			return err
		}
		w.point(at, target, 1|7<<32|uint64(words)<<35)
		binary.LittleEndian.PutUint64(w.out[target:], uint64(n)<<2|uint64(t.node.words)<<32|uint64(t.node.pointers)<<48)
		b.offset = target + wordSize
	default:
		size := wordSize * int64(n)
		if width >= 0 {
			b.pointers, size = 0, (int64(n)*int64(width)+7)/8
			code = uint64(slices.Index(elementBits[:], width))
		}
		target, err := w.add(size)
		if err != nil {
			return err
		}
		w.point(at, target, 1|code<<32|uint64(n)<<35)
		b.offset = target
	}
	for i, v := range values {
		var err error
		switch {
		case width >= 0:
			var bits uint64
			if bits, err = number(t, v); err == nil && width > 0 {
				w.setAt(b.offset, i, width, bits)
			}
		case t.kind == kindStruct && v == nil:
			err = errNull
		case t.kind == kindStruct:
			err = w.fill(t.node, b, v, depth-1)
			b.offset += b.data + wordSize*b.pointers
		default:
			err = w.target(t, b.offset+wordSize*i, v, depth-1)
		}
		if err != nil {
			return below(err, fmt.Sprintf("[%d]", i))
		}
	}
	return nil
}

var errOutside = errors.New("the schema places the field outside of the struct")
