package flatbuffers

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	flatbuffers "github.com/google/flatbuffers/go"
)

// vector writes a vector with its elements.
func (w jsonReader) vector(t *valueType, v, types any, part string, depth int) (flatbuffers.UOffsetT, error) {
	elem := t.element()
	if text, ok := v.(string); ok && elem.base == typeUByte && elem.enum == nil {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", part, err)
		}
		return w.b.CreateByteVector(raw), w.checkSize()
	}
	list, ok := v.([]any)
	if !ok {
		return 0, fmt.Errorf("%s: it is not an array", part)
	}
	size := elem.inline()
	if len(list) > maxPayload/size {
		return 0, fmt.Errorf("%s: it has %d elements of %d bytes", part, len(list), size)
	}
	if elem.base.scalar() || elem.base == typeObject && elem.object.isStruct {
		raw := make([]byte, size*len(list))
		for i, v := range list {
			if err := inline(&elem, raw[i*size:][:size], v, index(part, i)); err != nil {
				return 0, err
			}
		}
		w.b.StartVector(size, len(list), elem.align())
		w.place(raw)
		return w.b.EndVector(len(list)), w.checkSize()
	}
	kinds, _ := types.([]any)
	if elem.base == typeUnion && len(kinds) != len(list) {
		return 0, fmt.Errorf("%s: %w", part, errUnionCount)
	}
	offsets := make([]flatbuffers.UOffsetT, len(list))
	for i, v := range list {
		var kind any
		if elem.base == typeUnion {
			kind = kinds[i]
		}
		var err error
		if offsets[i], err = w.outside(&elem, v, kind, index(part, i), depth); err != nil {
			return 0, err
		}
	}
	return w.b.CreateVectorOfTables(offsets), w.checkSize()
}

func index(part string, i int) string { return fmt.Sprintf("%s[%d]", part, i) }

// inline writes the bytes of a scalar, array or struct to b, which is zero before.
func inline(t *valueType, b []byte, v any, part string) error {
	switch t.base {
	case typeArray:
		list, ok := v.([]any)
		if !ok || len(list) != t.length {
			return fmt.Errorf("%s: it is not an array of %d elements", part, t.length)
		}
		elem := t.element()
		size := elem.inline()
		for i, v := range list {
			if err := inline(&elem, b[i*size:][:size], v, index(part, i)); err != nil {
				return err
			}
		}
		return nil
	case typeObject:
		values, err := members(t.object, v, part)
		if err != nil {
			return err
		}
		for i := range t.object.fields {
			f := &t.object.fields[i]
			v, ok := values[f.name]
			if !ok {
				continue
			}
			if err := inline(&f.typ, b[f.offset:][:f.typ.inline()], v, join(part, f.name)); err != nil {
				return err
			}
		}
		return nil
	}
	bits, err := t.parse(v)
	if err != nil {
		return fmt.Errorf("%s: %w", part, err)
	}
	putBits(b, bits)
	return nil
}

func putBits(b []byte, bits uint64) {
	var all [8]byte
	binary.LittleEndian.PutUint64(all[:], bits)
	copy(b, all[:])
}

// defaultBits are the bits of a scalar's default value.
func (f *field) defaultBits() uint64 {
	switch f.typ.base {
	case typeFloat:
		return uint64(math.Float32bits(float32(f.defaultReal)))
	case typeDouble:
		return math.Float64bits(f.defaultReal)
	}
	var b [8]byte
	putBits(b[:f.typ.base.size()], uint64(f.defaultInt))
	return binary.LittleEndian.Uint64(b[:])
}

// parse returns the bits of a scalar.
func (t *valueType) parse(v any) (uint64, error) {
	switch {
	case t.base == typeBool:
		set, ok := v.(bool)
		switch {
		case !ok:
			return 0, errors.New("it is not true or false")
		case set:
			return 1, nil
		}
		return 0, nil
	case t.base.float():
		return t.parseFloat(v)
	case t.enum != nil:
		n, err := t.enum.parse(v)
		return uint64(n), err
	}
	return parseInteger(t.base, v)
}

func parseInteger(b baseType, v any) (uint64, error) {
	text, ok := v.(json.Number)
	if !ok {
		return 0, errors.New("it is not a number")
	}
	var bits uint64
	var err error
	if b.signed() {
		var n int64
		n, err = strconv.ParseInt(string(text), 10, 8*b.size())
		bits = uint64(n)
	} else {
		bits, err = strconv.ParseUint(string(text), 10, 8*b.size())
	}
	if err != nil {
		return 0, fmt.Errorf("%s does not fit %v", text, b)
	}
	return bits, nil
}

func (t *valueType) parseFloat(v any) (uint64, error) {
	text := ""
	switch v := v.(type) {
	case json.Number:
		text = string(v)
	case string: // strconv reads the names of what JSON lacks
		if v == "NaN" || v == "Infinity" || v == "-Infinity" {
			text = v
		}
	}
	if text == "" {
		return 0, errors.New("it is not a number")
	}
	f, err := strconv.ParseFloat(text, 8*t.base.size())
	if err != nil {
		return 0, fmt.Errorf("%s does not fit %v", text, t.base)
	}
	if t.base == typeFloat {
		return uint64(math.Float32bits(float32(f))), nil
	}
	return math.Float64bits(f), nil
}

// parse returns the number of an enum's value: of its name, of the names of flags separated by spaces, or given as number.
func (e *enum) parse(v any) (int64, error) {
	text, ok := v.(string)
	if !ok {
		n, err := parseInteger(e.base, v)
		return int64(n), err
	}
	if i, ok := e.byName[text]; ok {
		return e.values[i].value, nil
	}
	sum := int64(0)
	for _, name := range strings.Fields(text) {
		i, ok := e.byName[name]
		if !ok || !e.flags {
			return 0, fmt.Errorf("%s has no value %q", e.name, text)
		}
		sum |= e.values[i].value
	}
	if sum == 0 {
		return 0, fmt.Errorf("%s has no value %q", e.name, text)
	}
	return sum, nil
}
