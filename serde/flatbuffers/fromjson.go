package flatbuffers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/guard"
)

// maxPayload is the length of the longest payload that is made of JSON, in bytes.
const maxPayload = 256 << 20

// FromJSON makes a payload from one JSON value by the schema in t, for tools. It parses the schema each time; ParseSchema and
// Schema.FromJSON do that once.
func FromJSON(t serde.Type, js []byte) ([]byte, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.FromJSON(js)
}

// FromJSON makes a payload from one JSON value. It accepts what ToJSON makes, enums and types of unions also as numbers, and vectors of
// ubyte also as text in base64. Fields of tables that are absent or null are left out, fields of structs are zero; scalars with their
// default value are left out, unless they are optional. An unknown member, a required field without a value, a union without its type
// or value, a number that does not fit, tables that nest more than 64 deep and a payload of more than 256 MiB are errors.
// Vectors keep their order, also those of tables with a key. The bytes are the same for equal values.
func (s *Schema) FromJSON(js []byte) ([]byte, error) {
	var out []byte
	err := guard.Run(&out, func() error {
		v, err := parseJSON(js)
		if err != nil {
			return err
		}
		w := jsonReader{flatbuffers.NewBuilder(1024)}
		root, err := w.table(s.root, v, "", 1)
		if err != nil {
			return err
		}
		if s.identifier != "" {
			w.b.FinishWithFileIdentifier(root, []byte(s.identifier))
		} else {
			w.b.Finish(root)
		}
		out = w.b.FinishedBytes()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("make a payload of %s from JSON: %w", s.name, err)
	}
	return out, nil
}

// parseJSON returns the one value in js, with numbers as json.Number.
func parseJSON(js []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(js))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("bytes follow the value")
	}
	return v, nil
}

// A jsonReader writes JSON values into a Builder.
type jsonReader struct{ b *flatbuffers.Builder }

// place is the name of a part for an error.
func place(part string) string { return cmp.Or(part, "the value") }

// members returns the members of an object, which must be fields of o. Those that are null are left out.
func members(o *object, v any, part string) (map[string]any, error) {
	all, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: it is not an object", place(part))
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if _, ok := o.byName[name]; !ok {
			return nil, fmt.Errorf("%s: unknown member %q", place(part), name)
		}
		if all[name] == nil {
			delete(all, name)
		}
	}
	return all, nil
}

func join(part, name string) string {
	if part == "" {
		return name
	}
	return part + "." + name
}

// table writes a table and what it refers to.
func (w jsonReader) table(o *object, v any, part string, depth int) (flatbuffers.UOffsetT, error) {
	if depth > maxDepth {
		return 0, fmt.Errorf("%s: %w", part, errDepth)
	}
	values, err := members(o, v, part)
	if err != nil {
		return 0, err
	}
	offsets := map[int]flatbuffers.UOffsetT{} // of what is outside of the table, by the index of the field
	slots := 0
	for i := range o.fields {
		f := &o.fields[i]
		v, ok := values[f.name]
		if !ok {
			if f.required {
				return 0, fmt.Errorf("%s: %w", join(part, f.name), errRequired)
			}
			continue
		}
		slots = f.id + 1
		var types any
		if i > 0 {
			types = values[o.fields[i-1].name]
		}
		if f.typ.base == typeUType && values[o.unionOf(i)] == nil && !isNone(v) {
			return 0, fmt.Errorf("%s: the union has no value", join(part, f.name))
		}
		if offsets[i], err = w.outside(&f.typ, v, types, join(part, f.name), depth); err != nil {
			return 0, err
		}
	}
	w.b.StartObject(slots)
	for align := maxAlign; align > 0; align /= 2 { // the largest first, so that there is little padding
		for i := range o.fields {
			f := &o.fields[i]
			v, ok := values[f.name]
			if !ok || f.typ.align() != align {
				continue
			}
			if err := w.inside(f, v, offsets[i], join(part, f.name)); err != nil {
				return 0, err
			}
		}
	}
	return w.b.EndObject(), w.checkSize()
}

// unionOf is the name of the union behind the field of its type.
func (o *object) unionOf(i int) string {
	if i+1 < len(o.fields) {
		return o.fields[i+1].name
	}
	return ""
}

func isNone(v any) bool { return v == "NONE" || v == json.Number("0") }

func (w jsonReader) checkSize() error {
	if w.b.Offset() > maxPayload {
		return fmt.Errorf("the payload has more than %d bytes", maxPayload)
	}
	return nil
}

// outside writes a value to which a table has an offset, and returns where it is, 0 if the value is in the table. The types of a union or
// vector of unions are given.
func (w jsonReader) outside(t *valueType, v, types any, part string, depth int) (flatbuffers.UOffsetT, error) {
	switch {
	case t.base == typeString:
		s, ok := v.(string)
		if !ok {
			return 0, fmt.Errorf("%s: it is not a string", part)
		}
		return w.b.CreateString(s), w.checkSize()
	case t.base == typeVector:
		return w.vector(t, v, types, part, depth)
	case t.base == typeUnion:
		return w.union(t.enum, v, types, part, depth)
	case t.base == typeObject && !t.object.isStruct:
		return w.table(t.object, v, part, depth+1)
	}
	return 0, nil
}

// inside writes a value into the table that was begun. outside is the offset of what is outside of it.
func (w jsonReader) inside(f *field, v any, outside flatbuffers.UOffsetT, part string) error {
	if !f.typ.base.scalar() && outside != 0 {
		w.b.PrependUOffsetT(outside)
		w.b.Slot(f.id)
		return nil
	}
	if f.typ.base == typeUnion { // of type NONE
		return nil
	}
	raw := make([]byte, f.typ.inline())
	if err := inline(&f.typ, raw, v, part); err != nil {
		return err
	}
	if f.typ.base.scalar() && !f.optional && scalarBits(raw) == f.defaultBits() {
		return nil
	}
	w.prepend(raw, f.typ.align())
	w.b.Slot(f.id)
	return nil
}

// prepend writes bytes with an alignment.
func (w jsonReader) prepend(raw []byte, align int) {
	w.b.Prep(align, len(raw))
	w.place(raw)
}

func (w jsonReader) place(raw []byte) {
	for _, c := range slices.Backward(raw) {
		w.b.PlaceByte(c)
	}
}

func (w jsonReader) union(e *enum, v, typ any, part string, depth int) (flatbuffers.UOffsetT, error) {
	if typ == nil {
		return 0, fmt.Errorf("%s: the union has no type", part)
	}
	n, err := e.parse(typ)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", part, err)
	}
	known, ok := e.value(n)
	switch {
	case !ok || known.typ.base == typeNone:
		return 0, fmt.Errorf("%s: there is no value of type %v", part, typ)
	case known.typ.base == typeObject && known.typ.object.isStruct:
		raw := make([]byte, known.typ.object.size)
		if err := inline(&known.typ, raw, v, part); err != nil {
			return 0, err
		}
		w.prepend(raw, known.typ.object.align)
		return w.b.Offset(), w.checkSize()
	}
	return w.outside(&known.typ, v, nil, part, depth)
}
