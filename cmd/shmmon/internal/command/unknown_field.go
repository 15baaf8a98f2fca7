package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// checkFields returns an error that names a field of a message that its JSON Schema does not have. To the schema itself such a message
// fits, but a decoder drops the field. A schema that says additionalProperties has fields of any name.
func checkFields(schema *jsonschema.Schema, message any) error {
	return unknownField([]*jsonschema.Schema{schema}, message, "")
}

// unknownField looks at a part of a message, at a path, that some schemas describe together.
func unknownField(schemas []*jsonschema.Schema, part any, path string) error {
	s := shapeOf(schemas)
	switch part := part.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(part)) {
			inner := s.schemasOf(name)
			if inner == nil && s.isClosed() {
				return s.unknown(path, name)
			}
			if err := unknownField(inner, part[name], joined(path, name)); err != nil {
				return err
			}
		}
	case []any:
		for i, element := range part {
			if err := unknownField(s.elementsAt(i), element, joined(path, fmt.Sprint(i))); err != nil {
				return err
			}
		}
	}
	return nil
}

func joined(path, part string) string { return strings.TrimPrefix(path+"."+part, ".") }

// A shape is what schemas that apply to the same value say together of its fields and elements.
type shape struct {
	schemas  map[*jsonschema.Schema]bool // all that apply, also of alternatives: whether they limit the names of fields
	hasNames bool                        // fields are named
	open     bool                        // fields have any names
}

func shapeOf(schemas []*jsonschema.Schema) *shape {
	s := &shape{schemas: map[*jsonschema.Schema]bool{}}
	for _, one := range schemas {
		s.add(one)
	}
	return s
}

// add adds a schema and those that it refers to for the same value. It reports whether they limit the names of fields.
func (s *shape) add(one *jsonschema.Schema) (limits bool) {
	if one == nil {
		return false
	}
	limits, known := s.schemas[one]
	if known {
		return limits
	}
	limits = !has(one, "object")
	if limits && !has(one, "array") {
		return true
	}
	s.schemas[one] = true // while it refers to itself
	if one.Properties != nil || len(one.PatternProperties) > 0 {
		s.hasNames, limits = true, true
	}
	s.open = s.open || permits(one.AdditionalProperties) || one.UnevaluatedProperties != nil && permits(one.UnevaluatedProperties)
	together := append([]*jsonschema.Schema{one.Ref, one.RecursiveRef, one.If, one.Then, one.Else}, one.AllOf...)
	if one.DynamicRef != nil {
		together = append(together, one.DynamicRef.Ref)
	}
	for _, other := range slices.AppendSeq(together, maps.Values(one.DependentSchemas)) {
		limits = s.add(other) || limits
	}
	for _, alternatives := range [][]*jsonschema.Schema{one.AnyOf, one.OneOf} {
		all := len(alternatives) > 0
		for _, other := range alternatives {
			all = s.add(other) && all
		}
		s.open = s.open || len(alternatives) > 0 && !all && !limits // one of them takes any fields
		limits = limits || all
	}
	s.schemas[one] = limits
	return limits
}

func (s *shape) isClosed() bool { return s.hasNames && !s.open }

// has reports whether a schema permits values of a kind.
func has(s *jsonschema.Schema, kind string) bool {
	if s.Bool != nil {
		return *s.Bool
	}
	return s.Types == nil || s.Types.IsEmpty() || slices.Contains(s.Types.ToStrings(), kind)
}

// permits reports whether additionalProperties, or a keyword like it, lets fields of other names be.
func permits(keyword any) bool {
	switch k := keyword.(type) {
	case bool:
		return k
	case *jsonschema.Schema:
		return k.Bool == nil || *k.Bool
	}
	return false
}

// schemasOf returns the schemas of a field, nil if none names it.
func (s *shape) schemasOf(name string) (inner []*jsonschema.Schema) {
	for one := range s.schemas {
		if p := one.Properties[name]; p != nil {
			inner = append(inner, p)
		}
		for pattern, p := range one.PatternProperties {
			if pattern.MatchString(name) {
				inner = append(inner, p)
			}
		}
	}
	if inner != nil {
		return inner
	}
	for one := range s.schemas {
		if p, ok := one.AdditionalProperties.(*jsonschema.Schema); ok {
			inner = append(inner, p)
		}
	}
	return inner
}

// elementsAt returns the schemas of an element of an array.
func (s *shape) elementsAt(i int) (inner []*jsonschema.Schema) {
	for one := range s.schemas {
		first := one.PrefixItems
		var rest any = one.Items2020
		switch items := one.Items.(type) {
		case []*jsonschema.Schema:
			first, rest = items, one.AdditionalItems
		case *jsonschema.Schema:
			rest = items
		}
		if i < len(first) {
			inner = append(inner, first[i])
		} else if p, ok := rest.(*jsonschema.Schema); ok && p != nil {
			inner = append(inner, p)
		}
	}
	return inner
}

// unknown returns the error of a field that no schema names.
func (s *shape) unknown(path, name string) error {
	const maxListed = 10
	var names []string
	for one := range s.schemas {
		names = slices.AppendSeq(names, maps.Keys(one.Properties))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	near := text.Nearest(name, names)
	switch {
	case len(near) > 0:
		return fmt.Errorf("there is no field %.100q; there is %s", joined(path, name), strings.Join(near, ", "))
	case len(names) == 0:
		return fmt.Errorf("there is no field %.100q; it has none", joined(path, name))
	case len(names) > maxListed:
		return fmt.Errorf("there is no field %.100q; there are %s and %d more", joined(path, name), strings.Join(names[:maxListed], ", "), len(names)-maxListed)
	}
	return fmt.Errorf("there is no field %.100q; there are %s", joined(path, name), strings.Join(names, ", "))
}
