package jsonschema

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/shmbus/shmbus/serde"
)

const (
	maxInline = 2000  // schemas of parts of a type; with more, each named struct is a definition
	maxParts  = 20000 // of any schema
	maxEmbeds = 100   // structs that are embedded in each other
)

// A node is the schema of a type, and whether null stands for one of its values.
type node struct {
	schema *jsonschema.Schema
	null   bool
}

// A walk makes the schema of one type.
type walk struct {
	rules
	root  reflect.Type
	all   bool                  // all named structs are definitions
	cycle map[reflect.Type]bool // types that contain themselves, which are definitions too

	open        map[reflect.Type]bool // types that contain the current one
	again       bool                  // cycle has a type that was found in this walk
	parts       int
	names       map[reflect.Type]string // of definitions
	definitions jsonschema.Definitions
}

// A partError says which part of a type has no schema.
type partError struct {
	path   string
	reason string
}

func (e *partError) Error() string { return e.path + ": " + e.reason }

func (e *partError) within(part string) *partError { return &partError{part + e.path, e.reason} }

// schemaOf returns the schema of a Go type. Viewers of recordings read plain trees best, so types are definitions only where they contain
// themselves, or where the tree would be large.
func schemaOf(goType reflect.Type, t serde.Type, r rules) ([]byte, error) {
	for goType.Kind() == reflect.Pointer && goType.Name() == "" {
		goType = goType.Elem()
	}
	w := &walk{rules: r, root: goType, cycle: map[reflect.Type]bool{}}
	for {
		w.again, w.parts, w.open = false, 0, map[reflect.Type]bool{}
		w.names, w.definitions = map[reflect.Type]string{}, jsonschema.Definitions{}
		n, err := w.build(goType)
		switch {
		case w.parts > maxInline && !w.all:
			w.all = true
		case err != nil:
			return nil, &DescriptionError{Type: goType.String(), Field: err.path, Encoding: t.Encoding, Reason: err.reason}
		case !w.again:
			s := n.schema
			s.Version, s.Title = jsonschema.Version, t.Name
			s.Definitions = w.definitions
			return json.Marshal(s)
		}
	}
}

// part returns the schema of a part of the root type.
func (w *walk) part(t reflect.Type) (node, *partError) {
	shared := w.cycle[t] || w.all && t.Kind() == reflect.Struct && t.Name() != "" && !w.special(t).known
	switch {
	case !shared && w.open[t]:
		w.cycle[t], w.again = true, true
		return node{schema: new(jsonschema.Schema)}, nil
	case !shared:
		return w.build(t)
	case t == w.root:
		return node{schema: &jsonschema.Schema{Ref: "#"}, null: nilable(t)}, nil
	}
	name, ok := w.names[t]
	if !ok {
		name = w.nameOf(t)
		w.names[t] = name
		w.definitions[name] = nil // the name is taken
		n, err := w.build(t)
		if err != nil {
			return node{}, err
		}
		w.definitions[name] = n.schema
	}
	return node{schema: &jsonschema.Schema{Ref: "#/$defs/" + name}, null: nilable(t)}, nil
}

// nameOf returns a name for a definition that needs no escapes in a reference.
func (w *walk) nameOf(t reflect.Type) string {
	name := strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '.' || r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z') {
			return r
		}
		return '_'
	}, t.String())
	unique := name
	for i := 2; ; i++ {
		if _, taken := w.definitions[unique]; !taken {
			return unique
		}
		unique = fmt.Sprintf("%s_%d", name, i)
	}
}

func nilable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return true
	}
	return false
}

// build returns the schema of a type, with its parts.
func (w *walk) build(t reflect.Type) (node, *partError) {
	if w.parts++; w.parts > maxParts || w.parts > maxInline && !w.all {
		return node{}, &partError{"", "the schema is too large"}
	}
	if own := ownSchema(t); own != nil {
		maps.Copy(w.definitions, own.Definitions)
		own.Definitions, own.Version, own.ID = nil, "", ""
		return node{schema: own, null: nilable(t)}, nil
	}
	if s := w.special(t); s.known {
		return s.node, nil
	}
	n := node{schema: new(jsonschema.Schema), null: nilable(t)}
	s := n.schema
	switch t.Kind() {
	case reflect.Bool:
		s.Type = "boolean"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.Type = "integer"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		s.Type, s.Minimum = "integer", "0"
	case reflect.Float32, reflect.Float64:
		s.Type = "number"
	case reflect.String:
		s.Type = "string"
	case reflect.Interface: // any value
		return node{schema: s}, nil
	case reflect.Pointer:
		inner, err := w.inside(t, t.Elem())
		return node{inner.schema, true}, err
	case reflect.Slice, reflect.Array:
		return n, w.list(t, s)
	case reflect.Map:
		s.Type, s.Properties = "object", jsonschema.NewProperties()
		value, err := w.inside(t, t.Elem())
		if err != nil {
			return n, err.within("[]")
		}
		s.AdditionalProperties = value.orNull()
	case reflect.Struct:
		return n, w.structure(t, s)
	default:
		return n, &partError{"", t.String() + " has no form in this encoding"}
	}
	extend(t, s)
	return n, nil
}

// inside returns the schema of a part of t.
func (w *walk) inside(t, part reflect.Type) (node, *partError) {
	if t.Name() != "" && !w.open[t] {
		w.open[t] = true
		defer delete(w.open, t)
	}
	return w.part(part)
}

func (w *walk) list(t reflect.Type, s *jsonschema.Schema) *partError {
	if w.isBytes(t) {
		*s = *w.bytes()
		return nil
	}
	s.Type = "array"
	if t.Kind() == reflect.Array {
		n := uint64(t.Len())
		s.MinItems, s.MaxItems = &n, &n
	}
	items, err := w.inside(t, t.Elem())
	if err != nil {
		return err.within("[]")
	}
	s.Items = items.orNull()
	extend(t, s)
	return nil
}

func (w *walk) structure(t reflect.Type, s *jsonschema.Schema) *partError {
	fields, asArray, err := w.fields(t)
	if err != nil {
		return err
	}
	s.Type, s.Properties = "object", jsonschema.NewProperties()
	if asArray {
		n := uint64(len(fields))
		s.Type, s.Properties, s.MinItems = "array", nil, &n
	}
	for _, f := range fields {
		n, err := w.inside(t, f.typ)
		if err != nil {
			return err.within("." + f.path)
		}
		n.null = n.null && !f.nilOmitted || f.nullPath
		property := f.described(n.schema)
		if n.null {
			property = node{property, true}.orNull()
		}
		if asArray {
			s.PrefixItems = append(s.PrefixItems, property)
			continue
		}
		s.Properties.Set(f.name, property)
		if !f.optional {
			s.Required = append(s.Required, f.name)
		}
	}
	extend(t, s)
	return nil
}

// orNull returns a schema that permits null if the node does.
func (n node) orNull() *jsonschema.Schema {
	s := n.schema
	switch {
	case !n.null || isAny(s):
	case s.Type != "" && s.Enum == nil && s.Const == nil:
		if s.Extras == nil {
			s.Extras = map[string]any{}
		}
		s.Extras["type"] = []string{s.Type, "null"}
		s.Type = ""
	case s.Extras["type"] != nil:
	default:
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, {Type: "null"}}}
	}
	return s
}

// isAny reports whether a schema permits everything.
func isAny(s *jsonschema.Schema) bool { return reflect.DeepEqual(s, new(jsonschema.Schema)) }
