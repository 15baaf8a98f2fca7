package capnproto

import (
	"strings"
	"testing"

	"github.com/shmbus/shmbus/serde"
)

func TestCompatible(t *testing.T) {
	x, y := slotField("x", 0, 0, float64Type), slotField("y", 1, 1, float64Type)
	element := func(typ string) string { return `"list":{"elementType":{` + typ + `}}` }
	inner := func(fields ...string) []string {
		return []string{structNode(1, "A", 0, 1, slotField("s", 0, 0, `"struct":{"typeId":2}`)), structNode(2, "B", 1, 0, fields...)}
	}
	only := func(field string) []string { return []string{structNode(1, "A", 1, 1, field)} }
	inUnion := func(field string, fields ...string) []string {
		return []string{structNode(1, "A", 2, 1, groupField("u", 2)), group(2, 2, 1, 2, 4, append(fields, field)...)}
	}
	first := []string{structNode(1, "A", 0, 1, slotField("l", 0, 0, element(`"struct":{"typeId":2}`))), structNode(2, "B", 1, 1, x, slotField("t", 1, 0, textType))}
	firstText := []string{first[0], structNode(2, "B", 1, 1, slotField("t", 0, 0, textType))}
	for name, c := range map[string]struct {
		a, b []string
		want string // of the error
	}{
		"equal":                   {only(x), only(x), ""},
		"new field":               {only(x), []string{structNode(1, "A", 2, 1, x, y)}, ""},
		"new name of a field":     {only(x), only(slotField("z", 0, 0, float64Type)), ""},
		"other type":              {only(x), only(slotField("x", 0, 0, float32Type)), "Float32 at place 0"},
		"other place":             {only(x), []string{structNode(1, "A", 2, 1, slotField("x", 0, 1, float64Type))}, "Float64 at place 1"},
		"other default":           {only(slotField("x", 0, 0, `"int8":null},"defaultValue":{"int8":1`)), only(slotField("x", 0, 0, `"int8":null`)), "default 0x1"},
		"inner struct":            {inner(x), inner(slotField("x", 0, 0, float32Type)), "field @0 of t:B"},
		"inner new field":         {inner(x), inner(x, slotField("y", 1, 1, float64Type)), ""},
		"into a group":            {only(x), []string{structNode(1, "A", 1, 1, groupField("g", 2)), group(2, 1, 1, 0, 0, x)}, ""},
		"into a union":            {only(x), inUnion(member(0, x), member(1, y)), ""},
		"into a union, second":    {only(x), inUnion(member(1, x), member(0, y)), "member 1 of the union at place 4"},
		"other member":            {inUnion(member(1, x)), inUnion(member(0, x)), "member 1 of the union"},
		"list of other numbers":   {only(slotField("l", 0, 0, element(float64Type))), only(slotField("l", 0, 0, element(float32Type))), "List(Float64)"},
		"list became structs":     {only(slotField("l", 0, 0, element(float64Type))), first, ""},
		"list became others":      {only(slotField("l", 0, 0, element(float32Type))), first, "List(struct t:B)"},
		"texts became structs":    {only(slotField("l", 0, 0, element(textType))), firstText, ""},
		"bools became structs":    {only(slotField("l", 0, 0, element(`"bool":null`))), first, "List(Bool)"},
		"bytes became data":       {only(slotField("l", 0, 0, element(`"uint8":null`))), only(slotField("l", 0, 0, `"data":null`)), ""},
		"text became data":        {only(slotField("l", 0, 0, textType)), only(slotField("l", 0, 0, `"data":null`)), "Text at place 0"},
		"text became any":         {only(slotField("l", 0, 0, textType)), only(slotField("l", 0, 0, `"anyPointer":{}`)), ""},
		"number became any":       {only(x), only(slotField("l", 0, 0, `"anyPointer":{}`)), "AnyPointer"},
		"new enum value":          {[]string{structNode(1, "A", 1, 0, slotField("e", 0, 0, `"enum":{"typeId":2}`)), enumNode(2, "E", "a")}, []string{structNode(1, "A", 1, 0, slotField("e", 0, 0, `"enum":{"typeId":3}`)), enumNode(3, "E", "a", "b")}, ""},
		"enum became a number":    {[]string{structNode(1, "A", 1, 0, slotField("e", 0, 0, `"enum":{"typeId":2}`)), enumNode(2, "E", "a")}, only(slotField("e", 0, 0, `"uint16":null`)), "enum t:E"},
		"other name, equal id":    {only(x), []string{structNode(1, "Renamed", 1, 1, x)}, ""},
		"the same number twice":   {only(x), []string{structNode(1, "A", 1, 1, x, slotField("y", 0, 0, float64Type))}, "have the same number"},
		"recursive, and the same": {[]string{structNode(1, "A", 0, 1, slotField("a", 0, 0, `"struct":{"typeId":1}`))}, []string{structNode(1, "A", 0, 1, slotField("a", 0, 0, `"struct":{"typeId":1}`))}, ""},
	} {
		a, b := declared(t, c.a...), declared(t, c.b...)
		for _, err := range []error{Compatible(a, b), Compatible(b, a)} {
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := Compatible(a, a); err != nil {
			t.Errorf("%s, with itself: %v", name, err)
		}
	}
}

func TestCompatible_OtherStruct(t *testing.T) {
	a := declared(t, structNode(1, "A", 0, 0))
	schema := request(t, structNode(2, "B", 0, 0))
	b, err := TypeOf(schema, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := Compatible(a, b); err == nil || !strings.Contains(err.Error(), "the struct t:B @0x2 is not t:A @0x1") {
		t.Error(err)
	}
	sameName, err := TypeOf(request(t, structNode(2, "A", 0, 0)), 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := Compatible(a, sameName); err != nil {
		t.Error(err)
	}
	if err := Compatible(a, serde.Type{Name: "t:A", Encoding: Encoding}); err == nil {
		t.Error("compatible without a schema")
	}
}
