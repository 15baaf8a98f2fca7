package flatbuffers

import (
	"fmt"
	"strings"
	"testing"

	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/shmbus/shmbus/serde"
)

// schemaOf makes a binary schema of its JSON, in the terms of reflection.fbs with types as numbers.
func schemaOf(t testing.TB, js string) []byte {
	t.Helper()
	v, err := parseJSON([]byte(js))
	if err != nil {
		t.Fatal(err)
	}
	root := reflectionSchema()
	var name func(o *object)
	name = func(o *object) {
		o.byName = map[string]int{}
		for i, f := range o.fields {
			o.byName[f.name] = i
			if f.typ.object != nil {
				name(f.typ.object)
			}
		}
	}
	name(root)
	w := jsonReader{flatbuffers.NewBuilder(0)}
	at, err := w.table(root, v, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	w.b.Finish(at)
	return w.b.FinishedBytes()
}

// A part is what is in a schema for tests.
type part struct{ fields, pair, union, enum, value string }

func (p part) typ(t testing.TB) serde.Type {
	def := func(s *string, standard string) string {
		if *s == "" {
			return standard
		}
		return *s
	}
	js := fmt.Sprintf(`{"objects":[
		{"name":"a.Pair","is_struct":true,"minalign":4,"bytesize":8,"fields":[%s]},
		{"name":"a.Root","fields":[%s]},
		{"name":"a.Sub","fields":[{"name":"n","type":{"base_type":7},"id":0,"offset":4}]}],
		"enums":[{"name":"a.Any","is_union":true,"underlying_type":{"base_type":1},"values":[{"name":"NONE","value":0,"union_type":{}}%s]},
		{"name":"a.E","underlying_type":{"base_type":%s},"values":[{"name":"%s","value":1}]}]}`,
		def(&p.pair, `{"name":"a","type":{"base_type":7},"id":0,"offset":0},{"name":"b","type":{"base_type":11},"id":1,"offset":4}`),
		def(&p.fields, standardFields),
		def(&p.union, `,{"name":"Sub","value":1,"union_type":{"base_type":15,"index":2}}`),
		def(&p.enum, "3"), def(&p.value, "X"))
	return serde.Type{Name: "a.Root", Encoding: Encoding, SchemaEncoding: Encoding, Schema: schemaOf(t, js)}
}

const standardFields = `{"name":"pair","type":{"base_type":15,"index":0},"id":0,"offset":4},
	{"name":"x","type":{"base_type":12},"id":1,"offset":6,"default_real":0.5},
	{"name":"any_type","type":{"base_type":1,"index":0},"id":2,"offset":8},
	{"name":"any","type":{"base_type":16,"index":0},"id":3,"offset":10},
	{"name":"list","type":{"base_type":14,"element":15,"index":2},"id":4,"offset":12}`

func with(old, replacement string) part {
	if strings.Count(standardFields, old) != 1 {
		panic(old)
	}
	return part{fields: strings.Replace(standardFields, old, replacement, 1)}
}

func more(fields string) part { return part{fields: standardFields + "," + fields} }

func TestCompatible_Evolution(t *testing.T) {
	standard := part{}.typ(t)
	for name, p := range map[string]part{
		"equal":           {},
		"a new field":     more(`{"name":"new","type":{"base_type":13},"id":5,"offset":14}`),
		"another name":    with(`"x"`, `"y"`),
		"deprecated":      with(`"default_real":0.5`, `"default_real":0.5,"deprecated":true`),
		"another union":   {union: `,{"name":"S","value":1,"union_type":{"base_type":15,"index":2}},{"name":"Text","value":2,"union_type":{"base_type":13}}`},
		"names in struct": {pair: `{"name":"c","type":{"base_type":7},"id":0,"offset":0},{"name":"b","type":{"base_type":11},"id":1,"offset":4}`},
		"fewer fields":    {fields: `{"name":"x","type":{"base_type":12},"id":1,"offset":6,"default_real":0.5}`},
	} {
		for _, pair := range [][2]serde.Type{{standard, p.typ(t)}, {p.typ(t), standard}} {
			if err := Compatible(pair[0], pair[1]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestCompatible_Differences(t *testing.T) {
	standard := part{}.typ(t)
	newRequired := more(`{"name":"new","type":{"base_type":13},"id":5,"offset":14,"required":true}`)
	for want, p := range map[string]part{
		`field 1 of a.Root is "x", double, in one schema and "x", float, in the other`:                        with(`"base_type":12`, `"base_type":11`),
		`field 1 of a.Root is "x", default 0.5, in one schema and "x", default 0.25`:                          with(`0.5`, `0.25`),
		`field 1 of a.Root is "x", neither required nor optional, in one schema and "x"`:                      with(`"default_real":0.5`, `"default_real":0.5,"optional":true`),
		`field 4 of a.Root is "list", [table a.Sub], in one schema and "list", [string]`:                      with(`"element":15,"index":2`, `"element":13`),
		`field 4 of a.Root is "list", [table a.Sub], in one schema and "list", [struct a.Pair], in the other`: with(`"element":15,"index":2`, `"element":15,"index":0`),
		`field 5 of a.Root, "new", is required, and the other schema lacks it`:                                newRequired,
		`type 1 of union a.Any is "Sub", table a.Sub, in one schema and "T", string`:                          {union: `,{"name":"T","value":1,"union_type":{"base_type":13}}`},
		`struct a.Pair has 2 fields and 8 bytes in one schema, and 1 fields and 8 bytes`:                      {pair: `{"name":"a","type":{"base_type":7},"id":0,"offset":0}`},
		`field 0 of struct a.Pair is "a", int at byte 0, in one schema and "a", uint at byte 0, in the other`: {pair: `{"name":"a","type":{"base_type":8},"id":0,"offset":0},{"name":"b","type":{"base_type":11},"id":1,"offset":4}`},
	} {
		if err := Compatible(standard, p.typ(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if err := Compatible(p.typ(t), standard); err == nil {
			t.Errorf("the other way round they are compatible, want %s", want)
		}
	}
	other := standard
	other.Name = "a.Sub"
	if err := Compatible(standard, other); err == nil {
		t.Error("another table is compatible")
	}
	if err := Compatible(testType("Node"), testType("Node")); err != nil {
		t.Error(err)
	}
	var c serde.TypeChecker = nodeCodec(t)
	if err := c.CheckType(testType("Node")); err != nil {
		t.Error(err)
	}
	if err := c.CheckType(serde.Type{Name: "testfb.Node", Encoding: Encoding, SchemaEncoding: Encoding, Schema: standard.Schema}); err == nil {
		t.Error("a schema without the table is compatible")
	}
	enum := more(`{"name":"e","type":{"base_type":3,"index":1},"id":5,"offset":14}`)
	wide := more(`{"name":"e","type":{"base_type":5,"index":1},"id":5,"offset":14}`)
	wide.enum = "5"
	if err := Compatible(enum.typ(t), wide.typ(t)); err == nil || !strings.Contains(err.Error(), `"e", byte, in one schema and "e", short`) {
		t.Error(err)
	}
}

func TestParseSchema_Faults(t *testing.T) {
	one := func(field string) part { return part{fields: field} }
	for want, p := range map[string]part{
		"x has id 0 and offset 6":                     one(`{"name":"x","type":{"base_type":12},"id":0,"offset":6}`),
		"two fields have id 0":                        one(`{"name":"x","type":{"base_type":12},"id":0,"offset":4},{"name":"y","type":{"base_type":12},"id":0,"offset":4}`),
		"two fields have one name":                    one(`{"name":"x","type":{"base_type":12},"id":0,"offset":4},{"name":"x","type":{"base_type":12},"id":1,"offset":6}`),
		"x is of type array":                          one(`{"name":"x","type":{"base_type":17,"element":4,"fixed_length":3},"id":0,"offset":4}`),
		"a vector of vectors":                         one(`{"name":"x","type":{"base_type":14,"element":14},"id":0,"offset":4}`),
		"type 18 of none is not supported":            one(`{"name":"x","type":{"base_type":18},"id":0,"offset":4}`),
		"offsets of 64 bits are not supported":        one(`{"name":"x","type":{"base_type":13},"id":0,"offset":4,"offset64":true}`),
		"object 7 of 3":                               one(`{"name":"x","type":{"base_type":15,"index":7},"id":0,"offset":4}`),
		"object -1 of 3":                              one(`{"name":"x","type":{"base_type":15},"id":0,"offset":4}`),
		"enum 2 of 2":                                 one(`{"name":"x","type":{"base_type":3,"index":2},"id":0,"offset":4}`),
		"short is not byte, the underlying type":      one(`{"name":"x","type":{"base_type":5,"index":1},"id":0,"offset":4}`),
		"byte does not fit a.Any":                     one(`{"name":"x","type":{"base_type":3,"index":0},"id":0,"offset":4}`),
		"x is a union without a field of its type":    one(`{"name":"x","type":{"base_type":16,"index":0},"id":0,"offset":4}`),
		"enum of underlying type double":              {fields: `{"name":"x","type":{"base_type":12,"index":1},"id":0,"offset":4}`, enum: "12"},
		"a.Any: type 0 of a union has a value":        {union: `,{"name":"X","value":2,"union_type":{}}`},
		"a.Any: two values":                           {union: `,{"name":"X","value":0,"union_type":{}}`},
		"a.Any: the union has a type 256":             {union: `,{"name":"X","value":256,"union_type":{"base_type":13}}`},
		"a.Any: the union has a value of type double": {union: `,{"name":"X","value":2,"union_type":{"base_type":12}}`},
		"a.Pair: b does not fit":                      {pair: `{"name":"b","type":{"base_type":12},"id":1,"offset":4}`},
		"a.Pair: b is not aligned":                    {pair: `{"name":"b","type":{"base_type":11},"id":1,"offset":2}`},
		"a.Pair: self: the struct contains itself":    {pair: `{"name":"self","type":{"base_type":15,"index":0},"id":1,"offset":0}`},
		"a.Pair: b is of type string":                 {pair: `{"name":"b","type":{"base_type":13},"id":1,"offset":0}`},
		"a.Pair: b is of type table a.Sub":            {pair: `{"name":"b","type":{"base_type":15,"index":2},"id":1,"offset":0}`},
		"a.Pair: b is not possible in a struct":       {pair: `{"name":"b","type":{"base_type":17,"element":4},"id":1,"offset":0}`},
		"a.Pair: a does not fit into the struct":      {pair: `{"name":"b","type":{"base_type":7},"id":0,"offset":0},{"name":"a","type":{"base_type":7},"id":1,"offset":0}`},
	} {
		if _, err := ParseSchema(p.typ(t)); err == nil || !strings.HasPrefix(err.Error(), "parse the flatbuffer schema of a.Root: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if s, err := ParseSchema(part{}.typ(t)); err != nil || s.root.name != "a.Root" {
		t.Error(err)
	}
}
