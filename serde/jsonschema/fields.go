package jsonschema

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A field is a field of a struct as it is written.
type field struct {
	name       string // in the payload
	path       string // in Go
	typ        reflect.Type
	tag        reflect.StructTag
	optional   bool // left out for some values
	nilOmitted bool // left out if it is nil, or else never null
	nullPath   bool // null if an embedded pointer is nil
	text       bool // written as text, by the option string of encoding/json

	index  []int
	tagged bool
}

// A parsedTag is what a struct tag says.
type parsedTag struct {
	name    string
	options []string
	tagged  bool // the tag counts where two fields have the same name
	hidden  bool
}

func split(tag string) parsedTag {
	parts := strings.Split(tag, ",")
	return parsedTag{name: parts[0], options: parts[1:], tagged: parts[0] != "", hidden: tag == "-"}
}

func jsonTag(f reflect.StructField) parsedTag {
	t := split(f.Tag.Get("json"))
	if !validName(t.name) {
		t.name, t.tagged = "", false
	}
	return t
}

// validName is what encoding/json accepts as name.
func validName(s string) bool {
	for _, r := range s {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return true
}

// cborTag takes the tag json where there is no tag cbor.
func cborTag(f reflect.StructField) parsedTag {
	tag := f.Tag.Get("cbor")
	if tag == "" {
		tag = f.Tag.Get("json")
	}
	t := split(tag)
	t.tagged = tag != ""
	if slices.Contains(t.options, "keyasint") {
		if n, err := strconv.Atoi(t.name); err == nil {
			t.name = strconv.Itoa(n)
		}
	}
	t.options = slices.DeleteFunc(t.options, func(o string) bool { return o == "string" })
	return t
}

func cborFields(t reflect.Type) ([]field, bool, *partError) {
	asArray := false
	if f, ok := t.FieldByName("_"); ok {
		options := split(f.Tag.Get("cbor")).options
		asArray = slices.Contains(options, "toarray") || slices.Contains(options, "toindefarray")
	}
	fields := taggedFields(t, cborTag)
	if asArray {
		for i := range fields { // all are written
			fields[i].nilOmitted, fields[i].nullPath = false, fields[i].optional
		}
	}
	return fields, asArray, nil
}

// An embedded is a struct that is embedded in another one, at an index.
type embedded struct {
	typ     reflect.Type
	index   []int
	path    string
	pointer bool // through a pointer, which may be nil
}

// taggedFields returns the fields of a struct by the rules of encoding/json: those of embedded structs are fields of the struct itself, and
// of fields with one name the one with the shortest index applies, or else the only one with a tag.
func taggedFields(t reflect.Type, parse func(reflect.StructField) parsedTag) []field {
	var found []field
	visited := map[reflect.Type]bool{}
	for level := []embedded{{typ: t}}; len(level) > 0; {
		times := map[reflect.Type]int{}
		for _, e := range level {
			times[e.typ]++
		}
		var next []embedded
		for _, e := range level {
			if visited[e.typ] {
				continue
			}
			fields, inner := e.fields(parse)
			if times[e.typ] > 1 { // they hide each other
				fields = append(fields, fields...)
			}
			found = append(found, fields...)
			next = append(next, inner...)
		}
		for _, e := range level {
			visited[e.typ] = true
		}
		level = next
	}
	return dominant(found)
}

// fields returns the fields of an embedded struct, and the structs embedded in it.
func (e *embedded) fields(parse func(reflect.StructField) parsedTag) (fields []field, inner []embedded) {
	for i := range e.typ.NumField() {
		f := e.typ.Field(i)
		ft, pointer := f.Type, e.pointer
		if ft.Kind() == reflect.Pointer && ft.Name() == "" {
			ft = ft.Elem()
		}
		if !f.IsExported() && (!f.Anonymous || ft.Kind() != reflect.Struct) {
			continue
		}
		tag := parse(f)
		if tag.hidden {
			continue
		}
		index, path := append(slices.Clone(e.index), i), e.path+f.Name
		if f.Anonymous && tag.name == "" && ft.Kind() == reflect.Struct {
			inner = append(inner, embedded{ft, index, path + ".", pointer || ft != f.Type})
			continue
		}
		omitted := slices.Contains(tag.options, "omitempty") || slices.Contains(tag.options, "omitzero")
		fields = append(fields, field{
			name: cmp.Or(tag.name, f.Name), path: path, typ: f.Type, tag: f.Tag, index: index, tagged: tag.tagged,
			optional: omitted || pointer, nilOmitted: omitted, text: slices.Contains(tag.options, "string"),
		})
	}
	return fields, inner
}

// dominant returns the fields that are written, in the order of the struct.
func dominant(fields []field) []field {
	byName := func(a, b field) int { return cmp.Compare(a.name, b.name) }
	slices.SortStableFunc(fields, func(a, b field) int {
		return cmp.Or(byName(a, b), cmp.Compare(len(a.index), len(b.index)), -boolean(a.tagged, b.tagged))
	})
	var written []field
	for len(fields) > 0 {
		n := 1
		for n < len(fields) && fields[n].name == fields[0].name {
			n++
		}
		if first := fields[0]; n == 1 || len(first.index) < len(fields[1].index) || first.tagged && !fields[1].tagged {
			written = append(written, first)
		}
		fields = fields[n:]
	}
	slices.SortFunc(written, func(a, b field) int { return slices.Compare(a.index, b.index) })
	return written
}

func boolean(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
