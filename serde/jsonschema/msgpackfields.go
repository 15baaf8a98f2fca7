package jsonschema

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/vmihailenco/tagparser/v2"
)

// msgpackFields returns the fields of a struct by the rules of the library for MessagePack, which embeds a struct only where no name of it
// is taken.
func msgpackFields(t reflect.Type) ([]field, bool, *partError) {
	s := msgpackStruct{names: map[string]bool{}}
	if err := s.read(t, maxEmbeds); err != nil {
		return nil, false, err
	}
	return s.fields, s.asArray, nil
}

type msgpackStruct struct {
	fields  []field
	names   map[string]bool // taken
	asArray bool
}

func (s *msgpackStruct) read(t reflect.Type, depth int) *partError {
	if depth == 0 {
		return &partError{"", "structs are embedded too deep"}
	}
	all := false
	for i := range t.NumField() {
		f := t.Field(i)
		tag := tagparser.Parse(f.Tag.Get("msgpack"))
		if tag.Name == "-" {
			continue
		}
		if f.Name == "_msgpack" {
			s.asArray = tag.HasOption("as_array") || tag.HasOption("asArray")
			all = all || tag.HasOption("omitempty")
		}
		if !f.IsExported() && !f.Anonymous {
			continue
		}
		omitted := all || tag.HasOption("omitempty")
		name := cmp.Or(tag.Name, f.Name)
		if f.Anonymous && !tag.HasOption("noinline") {
			inline, err := s.embed(f, tag.HasOption("inline"), depth)
			if err != nil {
				return err
			}
			if inline {
				s.names[name] = true
				continue
			}
		}
		s.add(field{name: name, path: f.Name, typ: f.Type, tag: f.Tag, optional: omitted, nilOmitted: omitted})
		if alias, ok := tag.Options["alias"]; ok {
			s.names[alias] = true
		}
	}
	if s.asArray { // all are written
		for i := range s.fields {
			s.fields[i].nilOmitted = false
		}
	}
	return nil
}

func (s *msgpackStruct) add(f field) {
	s.fields = slices.DeleteFunc(s.fields, func(other field) bool { return other.name == f.name })
	s.fields = append(s.fields, f)
	s.names[f.name] = true
}

// embed adds the fields of an embedded struct, and reports whether it did. If they are asked for, those whose names are taken are left out;
// otherwise there must be none.
func (s *msgpackStruct) embed(f reflect.StructField, asked bool, depth int) (bool, *partError) {
	t, pointer := f.Type, false
	for t.Kind() == reflect.Pointer {
		t, pointer = t.Elem(), true
	}
	if t.Kind() != reflect.Struct || !asked && msgpackSpecial(t).known {
		return false, nil
	}
	inner := msgpackStruct{names: map[string]bool{}}
	if err := inner.read(t, depth-1); err != nil {
		return false, err
	}
	taken := func(f field) bool { return s.names[f.name] }
	if !asked && slices.ContainsFunc(inner.fields, taken) {
		return false, nil
	}
	for _, g := range slices.DeleteFunc(inner.fields, taken) {
		g.path = f.Name + "." + g.path
		g.optional = g.optional || pointer
		g.nullPath = g.nullPath || pointer
		s.add(g)
	}
	return true, nil
}
