package jsonschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/shmbus/shmbus/serde"
)

var all = []string{serde.EncodingJSON, serde.EncodingCBOR, serde.EncodingMsgPack}

func codecOf[T any](encoding string) serde.Codec[T] {
	switch encoding {
	case serde.EncodingJSON:
		return serde.JSON[T]()
	case serde.EncodingCBOR:
		return serde.CBOR[T]()
	}
	return serde.MsgPack[T]()
}

// compile returns the judge of payloads in their JSON form. A strict one permits no members beside the properties.
func compile(t *testing.T, schema []byte, strict bool) *validator.Schema {
	t.Helper()
	doc, err := validator.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	if strict {
		forbidOthers(doc)
	}
	c := validator.NewCompiler()
	c.AssertFormat()
	c.AssertContent()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatalf("%v\n%s", err, schema)
	}
	return s
}

func forbidOthers(doc any) {
	switch doc := doc.(type) {
	case map[string]any:
		if properties, ok := doc["properties"].(map[string]any); ok && doc["additionalProperties"] == nil && len(properties) > 0 {
			doc["additionalProperties"] = false
		}
		for _, v := range doc {
			forbidOthers(v)
		}
	case []any:
		for _, v := range doc {
			forbidOthers(v)
		}
	}
}

func validate(t *testing.T, s *validator.Schema, typ serde.Type, payload []byte) (any, error) {
	t.Helper()
	js, err := serde.ToJSON(typ, payload)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := validator.UnmarshalJSON(bytes.NewReader(js))
	if err != nil {
		t.Fatal(err)
	}
	return doc, s.Validate(doc)
}

// checkShape compares the schema of T with the payloads of its zero value and of one that is filled.
func checkShape[T any](t *testing.T, encodings ...string) {
	for _, encoding := range encodings {
		t.Run(reflect.TypeFor[T]().String()+"/"+encoding, func(t *testing.T) {
			inner := codecOf[T](encoding)
			c, err := Codec(inner)
			if err != nil {
				t.Fatal(err)
			}
			typ := c.Type()
			if again, err := Codec(inner); err != nil || !bytes.Equal(again.Type().Schema, typ.Schema) || typ.SchemaEncoding != "jsonschema" || typ.Name != inner.Type().Name {
				t.Fatalf("%v, %v", again.Type(), err)
			}
			if strings.Contains(string(typ.Schema), `"additionalProperties":false`) {
				t.Errorf("fields cannot be added: %s", typ.Schema)
			}
			var zero, full T
			fill(reflect.ValueOf(&full).Elem(), 4)
			for _, v := range []T{zero, full} {
				if root := reflect.ValueOf(v); nilable(root.Type()) && root.IsNil() {
					continue // a message that is nil is not described
				}
				payload, err := c.Encoder().Append(nil, v)
				if err != nil {
					t.Fatal(err)
				}
				doc, err := validate(t, compile(t, typ.Schema, true), typ, payload)
				if err != nil {
					t.Errorf("%v\nschema %s\npayload %v", err, typ.Schema, doc)
				}
				if reflect.DeepEqual(v, full) {
					checkAllWritten(t, typ.Schema, doc)
				}
			}
		})
	}
}

// checkAllWritten wants the payload to have every property of the schema.
func checkAllWritten(t *testing.T, schema []byte, doc any) {
	t.Helper()
	var s struct{ Properties map[string]any }
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatal(err)
	}
	members, _ := doc.(map[string]any)
	for name := range s.Properties {
		if _, ok := members[name]; !ok {
			t.Errorf("%q is not written: %v", name, doc)
		}
	}
}

// fill sets all of v to values that are not zero. Values that contain their own type end after some levels.
func fill(v reflect.Value, depth int) {
	values := []any{
		time.Unix(1700000000, 5).UTC(), net.IPv4(1, 2, 3, 4), netip.MustParseAddr("::1"), url.URL{Host: "h"}, *big.NewInt(7),
		json.RawMessage(`{"a":[1]}`), json.Number("5"), cbor.Tag{Number: 5, Content: 1}, cbor.RawMessage{1}, errors.New("an error"),
	}
	for _, value := range values {
		if reflect.TypeOf(value) == v.Type() || v.Type() == reflect.TypeFor[error]() && reflect.TypeOf(value).Implements(v.Type()) {
			v.Set(reflect.ValueOf(value))
			return
		}
	}
	if !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(-5)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(2)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(0.5)
	case reflect.String:
		v.SetString("ab")
	case reflect.Interface:
		v.Set(reflect.ValueOf(int64(1)))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), depth)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			if !f.CanSet() && v.Type().Field(i).Anonymous && f.Kind() == reflect.Struct {
				for j := range f.NumField() {
					fill(f.Field(j), depth)
				}
				continue
			}
			fill(f, depth)
		}
	}
	if depth == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth-1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), depth-1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth-1)
		fill(value, depth-1)
		v.SetMapIndex(key, value)
	}
}

func TestCodec_PayloadsAreValid(t *testing.T) {
	checkShape[scalars](t, all...)
	checkShape[collections](t, all...)
	checkShape[omitted](t, all...)
	checkShape[pointers](t, all...)
	checkShape[embedding](t, all...)
	checkShape[shadowing](t, all...)
	checkShape[times](t, all...)
	checkShape[marshalers](t, "json")
	checkShape[described2](t, all...)
	checkShape[tree](t, all...)
	checkShape[chicken](t, all...)
	checkShape[generic[generic[*tree]]](t, all...)
	checkShape[twice0](t, all...)
	checkShape[keyAsInt](t, "cbor")
	checkShape[cborArray](t, "cbor")
	checkShape[cborTypes](t, "cbor")
	checkShape[msgpackArray](t, "msgpack")
	checkShape[msgpackTypes](t, "msgpack")
	checkShape[struct{}](t, all...)
	checkShape[float64](t, all...)
	checkShape[time.Time](t, "json", "msgpack")
	checkShape[map[string][]scalars](t, all...)
}

func TestCodec_Schemas(t *testing.T) {
	for _, c := range []struct {
		t              reflect.Type
		encoding, want string
	}{
		{reflect.TypeFor[base](), "json", `"properties":{"ID":{"type":"integer"},"name":{"type":"string"}},"type":"object","required":["ID","name"],"title":"T"`},
		{reflect.TypeFor[*base](), "json", `"properties":{"ID":{"type":"integer"},"name":{"type":"string"}},"type":"object","required":["ID","name"],"title":"T"`},
		{reflect.TypeFor[generic[[]byte]](), "json", `"properties":{"Value":{"contentEncoding":"base64","type":["string","null"]}},"type":"object","required":["Value"],"title":"T"`},
		{reflect.TypeFor[generic[[]byte]](), "cbor", `"properties":{"Value":{"contentEncoding":"binary","type":["string","null"]}},"type":"object","required":["Value"],"title":"T"`},
		{reflect.TypeFor[generic[[2]byte]](), "json", `"properties":{"Value":{"items":{"type":"integer","minimum":0},"type":"array","maxItems":2,"minItems":2}},"type":"object","required":["Value"],"title":"T"`},
		{reflect.TypeFor[generic[[2]byte]](), "msgpack", `"properties":{"Value":{"type":"string","contentEncoding":"binary"}},"type":"object","required":["Value"],"title":"T"`},
		{reflect.TypeFor[generic[time.Time]](), "cbor", `"properties":{"Value":{"format":"date-time","type":["string","null"]}},"type":"object","required":["Value"],"title":"T"`},
		{reflect.TypeFor[tree](), "msgpack", `"properties":{"Value":{"type":"integer"},"children":{"items":{"anyOf":[{"$ref":"#"},{"type":"null"}]},"type":["array","null"]},` +
			`"byName":{"properties":{},"additionalProperties":{"$ref":"#"},"type":"object"}},"type":"object","required":["Value","children"],"title":"T"`},
		{reflect.TypeFor[nest](), "json", `"items":{"anyOf":[{"$ref":"#"},{"type":"null"}]},"type":"array","title":"T"`},
		{reflect.TypeFor[[]nest](), "json", `"$defs":{"jsonschema.nest":{"items":{"anyOf":[{"$ref":"#/$defs/jsonschema.nest"},{"type":"null"}]},"type":"array"}},` +
			`"items":{"anyOf":[{"$ref":"#/$defs/jsonschema.nest"},{"type":"null"}]},"type":"array","title":"T"`},
		{sameNames(), "json", `"properties":{"A":{"properties":{"P":{"items":{"properties":{"X":{"type":"integer"},"Y":{"type":"integer"}},"type":"object","required":["X","Y"]},"type":["array","null"]}},` +
			`"type":"object","required":["P"]},"B":{"properties":{"Name":{"type":"string"}},"type":"object","required":["Name"]}},"type":"object","required":["A","B"],"title":"T"`},
		{reflect.TypeFor[keywords](), "json", `"properties":{"state":{"type":"string","enum":["idle","moving"],"title":"State","description":"what it does"},` +
			`"Speed":{"type":"number","maximum":10,"minimum":0,"examples":[2.5]},"Count":{"type":"integer","enum":[1,2],"minimum":0,"default":1},` +
			`"Names":{"items":{"type":"string","enum":["a","b"]},"minItems":1,"type":["array","null"]},` +
			`"Text":{"anyOf":[{"type":"string","enum":["a","ab"],"pattern":"^[ab]+$"},{"type":"null"}]},` +
			`"Inner":{"properties":{"Bool":{"type":"boolean"},"int":{"type":"integer"},"Int64":{"type":"integer"},"Uint":{"type":"integer","minimum":0},"Float":{"type":"number"},` +
			`"Text":{"type":"string"},"Level":{"type":"integer"},"Since":{"type":"integer"}},"required":["Bool","int","Int64","Uint","Float","Text","Level","Since"],` +
			`"description":"one, or none","type":["object","null"],"unit":"m"},` +
			`"Number":{"type":"string","enum":["5"]},"Unseen":{"type":"integer"}},"type":"object","required":["state","Speed","Count","Names","Text","Inner","Number","Unseen"],"title":"T"`},
	} {
		schema, err := SchemaOf(c.t, serde.Type{Name: "T", Encoding: c.encoding})
		want := `{"$schema":"https://json-schema.org/draft/2020-12/schema",` + c.want + `}`
		if err != nil || string(schema) != want {
			t.Errorf("%v: %s, %v; want\n%s", c.t, schema, err, want)
		}
		compile(t, schema, false)
	}
}

// A schema that would be a large tree has definitions instead.
func TestCodec_LargeTypes(t *testing.T) {
	schema, err := SchemaOf(reflect.TypeFor[twice0](), serde.Type{Encoding: "json"})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(schema), `"$ref"`); n != 3*7 || len(schema) > 4000 {
		t.Errorf("%d references, %d bytes: %s", n, len(schema), schema)
	}
	fields := make([]reflect.StructField, maxParts+1)
	for i := range fields {
		fields[i] = reflect.StructField{Name: "F" + strings.Repeat("A", i%2) + big.NewInt(int64(i)).String(), Type: reflect.TypeFor[int]()}
	}
	_, err = SchemaOf(reflect.StructOf(fields), serde.Type{Encoding: "json"})
	if bad := new(DescriptionError); !errors.As(err, &bad) || bad.Reason != "the schema is too large" {
		t.Errorf("%.200v", err)
	}
}

// Other fields are permitted, missing and wrong ones are not.
func TestCodec_Invalid(t *testing.T) {
	c, err := Codec(serde.JSON[keywords]())
	if err != nil {
		t.Fatal(err)
	}
	s := compile(t, c.Type().Schema, false)
	const valid = `{"state":"idle","Speed":1,"Count":2,"Names":["a"],"Text":null,"Inner":null,"Number":"5","Unseen":0}`
	for js, ok := range map[string]bool{
		valid: true,
		strings.Replace(valid, `}`, `,"added":[]}`, 1):       true,
		strings.Replace(valid, `"idle"`, `"lost"`, 1):        false,
		strings.Replace(valid, `"Speed":1`, `"Speed":11`, 1): false,
		strings.Replace(valid, `"Speed"`, `"speed"`, 1):      false,
		strings.Replace(valid, `["a"]`, `["c"]`, 1):          false,
		strings.Replace(valid, `["a"]`, `[]`, 1):             false,
		strings.Replace(valid, `["a"]`, `null`, 1):           true,
		strings.Replace(valid, `"Text":null`, `"Text":1`, 1): false,
	} {
		if _, err := validate(t, s, c.Type(), []byte(js)); (err == nil) != ok {
			t.Errorf("%s: %v", js, err)
		}
	}
}

// viewable returns an error for a schema that the viewer Lichtblick does not read: it wants an object whose fields, and the elements of
// arrays, are objects or have one of four types, and no encoding of text but base64.
func viewable(schema map[string]any) error {
	if schema["type"] != "object" {
		return fmt.Errorf("type %v", schema["type"])
	}
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		return errors.New("no fields")
	}
	for name, f := range properties {
		field, ok := f.(map[string]any)
		if ok && field["type"] == "array" {
			field, ok = field["items"].(map[string]any)
		}
		if !ok {
			return fmt.Errorf("%s may be anything", name)
		}
		switch field["type"] {
		case "boolean", "number", "integer":
		case "string":
			if e := field["contentEncoding"]; e != nil && e != "base64" {
				return fmt.Errorf("%s has encoding %v", name, e)
			}
		case "object":
			if err := viewable(field); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		default:
			return fmt.Errorf("%s has type %v", name, field["type"])
		}
	}
	return nil
}

func TestCodec_Viewers(t *testing.T) {
	type joint struct {
		Name  string
		Angle *float64 `json:",omitempty"`
	}
	type arm struct {
		serial
		Base   base
		Joints []joint   `json:"joints,omitempty"`
		Image  []byte    `json:"image,omitzero"`
		At     time.Time `json:"at"`
		Fixed  [3]float64
		State  string `jsonschema:"enum=a,enum=b"`
	}
	for goType, ok := range map[reflect.Type]bool{
		reflect.TypeFor[arm](): true, reflect.TypeFor[base](): true, reflect.TypeFor[collections](): false, reflect.TypeFor[tree](): false,
	} {
		schema, err := SchemaOf(goType, serde.Type{Encoding: "json"})
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(schema, &doc); err != nil {
			t.Fatal(err)
		}
		if err := viewable(doc); (err == nil) != ok {
			t.Errorf("%v: %v", goType, err)
		}
	}
}

type serial struct{ Serial uint32 }

func TestCodec_Unsupported(t *testing.T) {
	type deep struct {
		Points []map[string]struct{ C chan int }
	}
	_, err := Codec(serde.JSON[deep]())
	if bad := new(DescriptionError); !errors.As(err, &bad) || bad.Field != ".Points[][].C" || bad.Type != "jsonschema.deep" ||
		err.Error() != "JSON Schema of jsonschema.deep in encoding json: .Points[][].C: chan int has no form in this encoding" {
		t.Error(err)
	}
	if _, err := Codec(serde.Raw()); err == nil {
		t.Error("raw has a schema")
	}
	described := serde.Opaque(serde.Type{Encoding: "json", SchemaEncoding: "jsonschema", Schema: []byte("{}")})
	if _, err := Codec(described); err == nil {
		t.Error("a schema is replaced")
	}
}

// own is a codec whose values are payloads.
type own struct{ serde.Codec[[]byte] }

func (own) ValueIsPayload() bool       { return true }
func (own) CheckType(serde.Type) error { return errors.New("refused") }
func (own) Type() serde.Type           { return serde.Type{Encoding: "json"} }

func TestCodec_KeepsProperties(t *testing.T) {
	for _, c := range []struct {
		codec serde.Codec[[]byte]
		want  bool
	}{{own{serde.Raw()}, true}, {serde.JSON[[]byte](), false}} {
		described, err := Codec(c.codec)
		if err != nil {
			t.Fatal(err)
		}
		if described.(interface{ ValueIsPayload() bool }).ValueIsPayload() != c.want {
			t.Errorf("%T", c.codec)
		}
		if checker, ok := described.(serde.TypeChecker); ok != c.want || ok && checker.CheckType(serde.Type{}).Error() != "refused" {
			t.Errorf("%T checks types: %v", c.codec, ok)
		}
	}
	codec, err := Codec(serde.JSON[base]())
	if err != nil {
		t.Fatal(err)
	}
	enc, plain := codec.Encoder(), serde.JSON[base]().Encoder()
	buf := make([]byte, 0, 100)
	allocations := func(e serde.Encoder[base]) float64 {
		return testing.AllocsPerRun(100, func() {
			if _, err := e.Append(buf, base{1, "x"}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if with, without := allocations(enc), allocations(plain); with != without {
		t.Errorf("%v allocations with a schema, %v without", with, without)
	}
}
