package capnproto

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/testcapnp"
	"github.com/shmbus/shmbus/serde"
)

//go:generate sh -c "D=$(go list -m -f {{.Dir}} capnproto.org/go/capnp/v3)/std; capnp compile -I$D --src-prefix=$D/capnp -o- $D/capnp/schema.capnp >testdata/schema.schema"

// requestSchema is the schema of schemas.
//
//go:embed testdata/schema.schema
var requestSchema []byte

func requestType() serde.Type {
	return serde.Type{Name: "schema.capnp:CodeGeneratorRequest", Encoding: Encoding, SchemaEncoding: Encoding, Schema: requestSchema}
}

// request makes a CodeGeneratorRequest with these nodes.
func request(t testing.TB, nodes ...string) []byte {
	t.Helper()
	schema, err := FromJSON(requestType(), []byte(`{"nodes":[`+strings.Join(nodes, ",")+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// declared is the type of node 1, which is t:A unless the node says otherwise.
func declared(t testing.TB, nodes ...string) serde.Type {
	t.Helper()
	typ, err := TypeOf(request(t, nodes...), 1)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func structNode(id int, name string, words, pointers int, fields ...string) string {
	return fmt.Sprintf(`{"id":%d,"displayName":"t:%s","struct":{"dataWordCount":%d,"pointerCount":%d,"fields":[%s]}}`,
		id, name, words, pointers, strings.Join(fields, ","))
}

// group is structNode for a group, with a union of so many members whose discriminant is at this index.
func group(id, words, pointers, variants, which int, fields ...string) string {
	node := structNode(id, fmt.Sprintf("group%d", id), words, pointers, fields...)
	return strings.Replace(node, `"struct":{`, fmt.Sprintf(`"struct":{"isGroup":true,"discriminantCount":%d,"discriminantOffset":%d,`, variants, which), 1)
}

func enumNode(id int, name string, values ...string) string {
	var list []string
	for _, v := range values {
		list = append(list, fmt.Sprintf(`{"name":%q}`, v))
	}
	return fmt.Sprintf(`{"id":%d,"displayName":"t:%s","enum":{"enumerants":[%s]}}`, id, name, strings.Join(list, ","))
}

// slotField is a field. typ is the member of Type without its braces.
func slotField(name string, number int, offset uint32, typ string) string {
	return fmt.Sprintf(`{"name":%q,"codeOrder":%d,"slot":{"offset":%d,"type":{%s}},"ordinal":{"explicit":%d}}`, name, number, offset, typ, number)
}

func groupField(name string, id int) string {
	return fmt.Sprintf(`{"name":%q,"group":{"typeId":%d}}`, name, id)
}

// member puts a field into a union.
func member(number int, field string) string {
	return fmt.Sprintf(`{"discriminantValue":%d,%s`, number, field[1:])
}

const (
	float32Type = `"float32":null`
	float64Type = `"float64":null`
	textType    = `"text":null`
)

func TestParseSchema_SchemaOfSchemas(t *testing.T) {
	js, err := ToJSON(requestType(), testcapnp.Schema())
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"displayName":"testcapnp.capnp:Image.Format"`, `"defaultValue":{"int32":100}`, `"name":"orientation"`} {
		if !strings.Contains(string(js), part) {
			t.Errorf("no %s in %s", part, js)
		}
	}
}

func TestParseSchema_Bad(t *testing.T) {
	good := structNode(1, "A", 1, 1, slotField("x", 0, 0, float64Type))
	for name, c := range map[string]struct {
		schema []byte
		want   string
	}{
		"no message":        {[]byte("text"), "the payload has 4 bytes"},
		"no nodes":          {request(t), "does not declare this struct"},
		"two of the name":   {request(t, good, structNode(2, "A", 0, 0)), "two structs of this name"},
		"two of the id":     {request(t, good, structNode(1, "B", 0, 0)), "declares @0x1 twice"},
		"a group":           {request(t, group(1, 0, 0, 0, 0)), "does not declare this struct"},
		"no group":          {request(t, structNode(1, "A", 0, 0, groupField("g", 7))), `field "g": the schema lacks the group @0x7`},
		"struct as a group": {request(t, structNode(1, "A", 0, 0, groupField("g", 1))), `lacks the group @0x1`},
		"no struct":         {request(t, structNode(1, "A", 0, 1, slotField("s", 0, 0, `"struct":{"typeId":9}`))), "the schema lacks the struct @0x9"},
		"no enum":           {request(t, structNode(1, "A", 0, 1, slotField("s", 0, 0, `"enum":{"typeId":1}`))), "the schema lacks the enum @0x1"},
		"same names":        {request(t, structNode(1, "A", 2, 0, slotField("x", 0, 0, float64Type), slotField("x", 1, 1, float64Type))), `two members are "x"`},
		"no union":          {request(t, structNode(1, "A", 1, 0, member(0, slotField("x", 0, 0, float64Type)))), "in the union is not below 0"},
		"same member": {request(t, strings.Replace(structNode(1, "A", 1, 0, member(0, slotField("x", 0, 0, "\"void\":null")), member(0, slotField("y", 1, 0, "\"void\":null"))),
			`"struct":{`, `"struct":{"discriminantCount":1,`, 1)), "two members of its union have the number 0"},
		"no type": {request(t, structNode(1, "A", 1, 0, `{"name":"x","slot":{"offset":0}}`)), "a struct is missing"},
		"deep type": {request(t, structNode(1, "A", 1, 0, slotField("x", 0, 0,
			strings.Repeat(`"list":{"elementType":{`, 120)+textType+strings.Repeat("}}", 120)))), ""},
	} {
		typ := serde.Type{Name: "t:A", Encoding: Encoding, SchemaEncoding: Encoding, Schema: c.schema}
		_, err := ParseSchema(typ)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A field may lie outside of its struct, in a hostile schema.
func TestSchema_FieldOutside(t *testing.T) {
	for _, field := range []string{slotField("x", 0, 1, float64Type), slotField("x", 0, 1<<31, textType), slotField("x", 0, 1<<31, float64Type),
		slotField("x", 0, 128, `"bool":null`), member(0, slotField("x", 0, 0, `"void":null`))} {
		node := strings.Replace(structNode(1, "A", 1, 1, field), `"struct":{`, `"struct":{"discriminantCount":1,"discriminantOffset":4294967295,`, 1)
		typ := declared(t, node)
		if js, err := ToJSON(typ, []byte{0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}); err != nil {
			t.Errorf("%s: %s, %v", field, js, err)
		}
		value := "1"
		switch {
		case strings.Contains(field, "text"):
			value = `"a"`
		case strings.Contains(field, "bool"):
			value = "true"
		case strings.Contains(field, "void"):
			value = "null"
		}
		if _, err := FromJSON(typ, []byte(`{"x":`+value+`}`)); !errors.Is(err, errOutside) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// A union may have so many members that passing through all of them for each struct would take minutes.
func TestToJSON_LargeUnion(t *testing.T) {
	var members []string
	for i := range 20000 {
		members = append(members, member(i, slotField(fmt.Sprint("m", i), i, 0, `"void":null`)))
	}
	node := strings.Replace(structNode(1, "A", 1, 1, append(members, slotField("l", 20000, 0, ownList))...), `"struct":{`, `"struct":{"discriminantCount":20000,`, 1)
	const n = 100000
	list := append([]uint64{structPointer(0, 1, 1), 777, listPointer(0, 7, n), structPointer(n, 1, 0)}, make([]uint64, n)...)
	for i := range n {
		list[4+i] = 30000 // is not in the schema
	}
	js, err := ToJSON(declared(t, node), words(list))
	if want := `{"m777":null,"l":[` + strings.Repeat(`{"l":[]},`, n-1) + `{"l":[]}]}`; string(js) != want || err != nil {
		t.Errorf("%.100s, %v", js, err)
	}
}

// Groups may contain themselves, in a hostile schema.
func TestSchema_GroupCycle(t *testing.T) {
	typ := declared(t, structNode(1, "A", 0, 0, groupField("a", 2)), group(2, 0, 0, 0, 0, groupField("a", 2), groupField("b", 2)))
	if _, err := ToJSON(typ, []byte{0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}); !errors.Is(err, errDepth) {
		t.Error(err)
	}
	if err := Compatible(typ, typ); !errors.Is(err, errDepth) {
		t.Error(err)
	}
}
