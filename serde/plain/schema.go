package plain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// SchemaEncoding is the name of the schema's encoding: JSON without spaces, as in the package documentation.
const SchemaEncoding = "shmbus-plain"

const maxSchema = 1 << 20 // bytes

// A schemaText is a schema: of a value of fixed size, or of a header and elements.
type schemaText struct {
	ByteOrder string    `json:"byteOrder"` // little or big
	Value     *typeText `json:"value,omitempty"`

	Count    *placeText `json:"count,omitempty"`
	Header   *placeText `json:"header,omitempty"` // absent if the header has no bytes
	Elements *placeText `json:"elements,omitempty"`
}

// A placeText is what begins at an offset of the payload.
type placeText struct {
	Offset int       `json:"offset"`
	Type   *typeText `json:"type"`
}

type typeText struct {
	Kind    string      `json:"kind"`
	Size    int         `json:"size"`
	Align   int         `json:"align"`
	Max     *uint64     `json:"max,omitempty"`     // of an enum
	Length  int         `json:"length,omitempty"`  // of an array
	Element *typeText   `json:"element,omitempty"` // of an array
	Fields  []fieldText `json:"fields,omitempty"`  // of a struct
}

type fieldText struct {
	Name   string    `json:"name"`
	Offset int       `json:"offset"`
	Type   *typeText `json:"type"`
}

// A schema is a parsed schema. Without elements it is of one value, header.
type schema struct {
	order  byteOrder
	header *layout
	elem   *layout
}

func (s *schema) text() schemaText {
	t := schemaText{ByteOrder: s.order.String()}
	if s.elem == nil {
		t.Value = textOf(s.header)
		return t
	}
	count, _ := scalar("uint64")
	t.Count = &placeText{0, textOf(count)}
	if s.header.size > 0 {
		t.Header = &placeText{headerOffset, textOf(s.header)}
	}
	t.Elements = &placeText{elementsOffset(s.header), textOf(s.elem)}
	return t
}

func textOf(l *layout) *typeText {
	t := &typeText{Kind: l.kind, Size: l.size, Align: l.align, Length: l.length}
	if l.enum {
		t.Max = &l.max
	}
	if l.elem != nil {
		t.Element = textOf(l.elem)
	}
	for _, f := range l.fields {
		t.Fields = append(t.Fields, fieldText{f.name, f.offset, textOf(f.layout)})
	}
	return t
}

func (s *schema) bytes() []byte {
	b, err := json.Marshal(s.text())
	if err != nil {
		panic(err) // it has numbers and text only
	}
	return b
}

// valueSchema is the schema of a value on this processor.
func valueSchema(l *layout) []byte {
	s := schema{nativeOrder(), l, nil}
	return s.bytes()
}

// sliceSchema is the schema of a header and elements on this processor.
func sliceSchema(header, elem *layout) []byte {
	s := schema{nativeOrder(), header, elem}
	return s.bytes()
}

// parseSchema returns the schema that text is. It accepts exactly what a codec makes of a type, so that two schemas are equal if and only
// if their texts are.
func parseSchema(text []byte) (*schema, error) {
	if len(text) > maxSchema {
		return nil, fmt.Errorf("the schema has %d bytes, more than %d", len(text), maxSchema)
	}
	text = bytes.Clone(text)
	var t schemaText
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, fmt.Errorf("the schema is not JSON of a layout: %w", err)
	}
	s, err := t.parse()
	if err != nil {
		return nil, fmt.Errorf("the schema is malformed: %w", err)
	}
	if !bytes.Equal(text, s.bytes()) {
		return nil, errors.New("the schema is not as a codec writes it: sizes, offsets, or its form are wrong")
	}
	return s, nil
}

func (t *schemaText) parse() (s *schema, err error) {
	s = new(schema)
	if s.order = t.ByteOrder == bigEndian.String(); t.ByteOrder != s.order.String() {
		return nil, fmt.Errorf("byte order %q", t.ByteOrder)
	}
	p := &schemaParser{}
	if t.Value != nil {
		s.header, err = p.layout(t.Value, 0)
		return s, err
	}
	if t.Elements == nil {
		return nil, errors.New("neither a value nor elements")
	}
	s.header = &layout{kind: kindStruct, align: 1}
	if t.Header != nil {
		if s.header, err = p.layout(t.Header.Type, 0); err != nil {
			return nil, err
		}
	}
	s.elem, err = p.layout(t.Elements.Type, 0)
	return s, err
}

// A schemaParser makes layouts, which have at least one byte. Their sizes and offsets are those of the rules, not those of the text.
type schemaParser struct{ fields int }

func (p *schemaParser) layout(t *typeText, depth int) (*layout, error) {
	if t == nil {
		return nil, errors.New("a type is missing")
	}
	if depth == maxDepth && (t.Kind == kindArray || t.Kind == kindStruct) {
		return nil, fmt.Errorf("arrays and structs are nested deeper than %d", maxDepth)
	}
	switch t.Kind {
	case kindArray:
		elem, err := p.layout(t.Element, depth+1)
		if err != nil {
			return nil, err
		}
		return array(elem, t.Length)
	case kindStruct:
		return p.structure(t, depth)
	}
	l, ok := scalar(t.Kind)
	if !ok {
		return nil, fmt.Errorf("kind %q", t.Kind)
	}
	if t.Max != nil {
		if err := l.limit(*t.Max); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (p *schemaParser) structure(t *typeText, depth int) (*layout, error) {
	l := &layout{kind: kindStruct, align: 1}
	names := map[string]bool{}
	for _, f := range t.Fields {
		if p.fields++; p.fields > maxFields {
			return nil, fmt.Errorf("there are more than %d fields", maxFields)
		}
		part, err := p.layout(f.Type, depth+1)
		if err != nil {
			return nil, err
		}
		if err := l.add(f.Name, part); err != nil {
			return nil, fmt.Errorf("field %q %w", f.Name, err)
		}
		if f.Name == "" || f.Name != "_" && names[f.Name] {
			return nil, fmt.Errorf("field name %q is empty or not the only one", f.Name)
		}
		names[f.Name] = true
	}
	if l.size == 0 {
		return nil, errors.New("a struct has no fields")
	}
	if err := l.end(); err != nil {
		return nil, fmt.Errorf("a struct %w", err)
	}
	return l, nil
}
