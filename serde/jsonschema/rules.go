package jsonschema

import (
	"encoding"
	"encoding/json"
	"math/big"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/invopop/jsonschema"
	"github.com/vmihailenco/msgpack/v5"
)

// rules are what the library of an encoding does with Go types.
type rules struct {
	// fields returns the fields that are written of a struct. With asArray they are not members of an object but elements of an array.
	fields func(t reflect.Type) (fields []field, asArray bool, err *partError)
	// special returns the form of a type that has a form of its own.
	special func(t reflect.Type) specialForm
	// bytes returns the schema of bytes.
	bytes func() *jsonschema.Schema
	// isBytes reports whether a slice or array is written as bytes.
	isBytes func(t reflect.Type) bool
}

// A specialForm is the schema of a type that is not written as its kind says.
type specialForm struct {
	node
	known bool
}

func specially(s *jsonschema.Schema, null bool) specialForm { return specialForm{node{s, null}, true} }

func anyForm() specialForm { return specially(new(jsonschema.Schema), false) }

func timeSchema() *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Format: "date-time"} }

// byteString is the schema of bytes that are not text in the payload.
func byteString() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", ContentEncoding: "binary"}
}

// implements reports whether T, or *T too, has the methods of I.
func implements[I any](t reflect.Type) bool { return t.Implements(reflect.TypeFor[I]()) }

func pointerImplements[I any](t reflect.Type) bool { return implements[I](reflect.PointerTo(t)) }

func jsonRules() rules {
	return rules{
		fields: func(t reflect.Type) ([]field, bool, *partError) { return taggedFields(t, jsonTag), false, nil },
		special: func(t reflect.Type) specialForm {
			switch {
			case t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer:
				return specialForm{}
			case t == reflect.TypeFor[time.Time]():
				return specially(timeSchema(), false)
			case t == reflect.TypeFor[json.Number]():
				return specially(&jsonschema.Schema{Type: "number"}, false)
			case pointerImplements[json.Marshaler](t):
				return anyForm()
			case implements[encoding.TextMarshaler](t):
				return specially(&jsonschema.Schema{Type: "string"}, false)
			case pointerImplements[encoding.TextMarshaler](t):
				return anyForm() // a string only where the value can be addressed
			}
			return specialForm{}
		},
		bytes: func() *jsonschema.Schema { return &jsonschema.Schema{Type: "string", ContentEncoding: "base64"} },
		isBytes: func(t reflect.Type) bool {
			return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 &&
				!pointerImplements[json.Marshaler](t.Elem()) && !pointerImplements[encoding.TextMarshaler](t.Elem())
		},
	}
}

func isBytes(t reflect.Type) bool { return t.Elem().Kind() == reflect.Uint8 }

func cborRules() rules {
	return rules{
		fields: cborFields,
		special: func(t reflect.Type) specialForm {
			switch {
			case t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer:
				return specialForm{}
			case t == reflect.TypeFor[time.Time]():
				return specially(timeSchema(), true) // the zero time is null
			case t == reflect.TypeFor[big.Int]():
				return specially(&jsonschema.Schema{Type: "integer"}, false)
			case t == reflect.TypeFor[cbor.ByteString]():
				return specially(byteString(), false)
			case t == reflect.TypeFor[cbor.Tag]() || pointerImplements[cbor.Marshaler](t):
				return anyForm()
			case pointerImplements[encoding.BinaryMarshaler](t):
				return specially(byteString(), nilable(t))
			}
			return specialForm{}
		},
		bytes:   byteString,
		isBytes: isBytes,
	}
}

func msgpackRules() rules {
	return rules{
		fields:  msgpackFields,
		special: msgpackSpecial,
		bytes:   byteString,
		isBytes: isBytes,
	}
}

func msgpackSpecial(t reflect.Type) specialForm {
	switch {
	case t == reflect.TypeFor[error]():
		return specially(&jsonschema.Schema{Type: "string"}, true)
	case t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer:
		return specialForm{}
	case t == reflect.TypeFor[time.Time]():
		return specially(timeSchema(), false)
	case pointerImplements[msgpack.CustomEncoder](t) || pointerImplements[msgpack.Marshaler](t):
		return anyForm()
	case pointerImplements[encoding.BinaryMarshaler](t) || pointerImplements[encoding.TextMarshaler](t):
		return specially(byteString(), nilable(t))
	}
	return specialForm{}
}
