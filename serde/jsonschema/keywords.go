package jsonschema

import (
	"reflect"
	"strconv"

	"github.com/invopop/jsonschema"
)

// ownSchema returns the schema that a type gives itself by the library's method JSONSchema, or nil.
func ownSchema(t reflect.Type) *jsonschema.Schema {
	if t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer {
		return nil
	}
	if own, ok := reflect.New(t).Interface().(interface{ JSONSchema() *jsonschema.Schema }); ok {
		if s := own.JSONSchema(); s != nil {
			copied := *s
			return &copied
		}
	}
	return nil
}

// extend calls the library's method JSONSchemaExtend of a type, if it has one.
func extend(t reflect.Type, s *jsonschema.Schema) {
	if own, ok := reflect.New(t).Interface().(interface{ JSONSchemaExtend(*jsonschema.Schema) }); ok {
		own.JSONSchemaExtend(s)
	}
}

// described returns the schema of a field with what its tags add: jsonschema, jsonschema_description and jsonschema_extras, as the
// library reads them.
func (f *field) described(s *jsonschema.Schema) *jsonschema.Schema {
	if f.text && (s.Type == "integer" || s.Type == "number" || s.Type == "boolean") {
		s = &jsonschema.Schema{Type: "string"}
	}
	var tags reflect.StructTag
	for _, name := range []string{"jsonschema", "jsonschema_description", "jsonschema_extras"} {
		if value, ok := f.tag.Lookup(name); ok {
			tags += reflect.StructTag(" " + name + ":" + strconv.Quote(value))
		}
	}
	if tags == "" {
		return s
	}
	if s.Ref != "" { // keywords beside a reference apply too
		s = &jsonschema.Schema{Ref: s.Ref}
	}
	// The library reads the tags of a struct only, so it gets one with this field.
	standIn := reflect.StructOf([]reflect.StructField{{Name: "F", Type: standInOf(s), Tag: tags}})
	reflector := jsonschema.Reflector{Anonymous: true, ExpandedStruct: true, DoNotReference: true}
	read, ok := reflector.ReflectFromType(standIn).Properties.Get("F")
	if !ok {
		return s // hidden by jsonschema:"-"
	}
	added := reflect.ValueOf(read).Elem()
	merged := *s
	into := reflect.ValueOf(&merged).Elem()
	for i := range added.NumField() {
		switch name := added.Type().Field(i).Name; {
		case name == "boolean" || name == "Type" || name == "Items" || name == "Properties" || name == "AdditionalProperties":
		case !added.Field(i).IsZero():
			into.Field(i).Set(added.Field(i))
		}
	}
	if s.Items != nil && read.Items != nil && s.Items.Type == read.Items.Type {
		items := *s.Items
		items.Enum, items.Pattern, items.Default = read.Items.Enum, read.Items.Pattern, read.Items.Default
		if read.Items.Minimum != "" {
			items.Minimum = read.Items.Minimum
		}
		if read.Items.Format != "" {
			items.Format = read.Items.Format
		}
		items.Maximum, items.MinLength, items.MaxLength = read.Items.Maximum, read.Items.MinLength, read.Items.MaxLength
		merged.Items = &items
	}
	return &merged
}

// standInOf returns a Go type of which the library reads the same keywords.
func standInOf(s *jsonschema.Schema) reflect.Type {
	switch s.Type {
	case "boolean":
		return reflect.TypeFor[bool]()
	case "integer":
		return reflect.TypeFor[int]()
	case "number":
		return reflect.TypeFor[float64]()
	case "string":
		return reflect.TypeFor[string]()
	case "array":
		if s.Items != nil {
			return reflect.SliceOf(standInOf(s.Items))
		}
	}
	return reflect.TypeFor[any]()
}
