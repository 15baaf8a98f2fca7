package jsonschema

import (
	"encoding/json"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/invopop/jsonschema"
)

type scalars struct {
	Bool    bool
	Int     int8 `json:"int" msgpack:"int"`
	Int64   int64
	Uint    uint64
	Float   float32
	Text    string
	Level   level
	Since   time.Duration
	private int //lint:ignore U1000 is not written
}

type level int

type collections struct {
	List     []int
	Lists    [][]string `json:"lists,omitempty" msgpack:"lists,omitempty"`
	Fixed    [2]float64
	Bytes    []byte
	FixBytes [3]byte
	Small    []level8
	Named    map[string]scalars
	ByNumber map[int16]bool
	Any      any
	Anys     []any
	Maps     map[string]any
}

type level8 uint8

type omitted struct {
	Empty  *int           `json:",omitempty" msgpack:",omitempty"`
	Zero   time.Time      `json:"zero,omitzero"`
	List   []int          `json:",omitempty" msgpack:",omitempty"`
	Map    map[string]int `json:",omitempty" msgpack:",omitempty"`
	Bytes  []byte         `json:"bytes,omitempty" msgpack:"bytes,omitempty"`
	Hidden int            `json:"-" msgpack:"-"`
	//lint:ignore SA5008 the name is what the test is about
	Dash int `json:"-," msgpack:"dash"`
	//lint:ignore SA5008 the name is what the test is about
	Odd  int  `json:"a\\b"`
	Text int  `json:",string"`
	Flag bool `json:"flag,string"`
}

type pointers struct {
	Int    *int
	Deep   **string
	Struct *scalars
	List   []*scalars
	Map    map[string]*int
}

type base struct {
	ID   int
	Name string `json:"name" msgpack:"name"`
}

type Base struct{ Z int }

type embedding struct {
	base
	*Base
	Named Base
	Text  string
	text  //lint:ignore U1000 fields that are not exported are left out
}

type text string

type shadowing struct {
	base
	Other left `json:"other"`
	ID    string
	left
	right `msgpack:",inline"`
}

type left struct{ Both, Once, Tagged int }

type right struct {
	Both, More bool
	Renamed    string `json:"Tagged" msgpack:"Tagged"`
}

type times struct {
	At   time.Time
	Last *time.Time
	All  []time.Time
}

type marshalers struct {
	IP     net.IP
	Addr   netip.Addr
	URL    url.URL
	Big    *big.Int
	Raw    json.RawMessage
	Number json.Number
	Custom celsius
	Ptr    byPointer
	Ptrs   []byPointer
}

// celsius encodes itself as text in JSON.
type celsius float64

func (c celsius) MarshalText() ([]byte, error) { return []byte("warm"), nil }

type byPointer struct{ X int }

func (*byPointer) MarshalJSON() ([]byte, error)       { return []byte(`[1]`), nil }
func (*byPointer) MarshalCBOR() ([]byte, error)       { return []byte{1}, nil }
func (*byPointer) MarshalMsgpack() ([]byte, error)    { return []byte{1}, nil }
func (celsius) JSONSchemaExtend(s *jsonschema.Schema) { s.Description = "a temperature" }
func (described1) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "integer", Title: "own"}
}
func (described2) JSONSchemaExtend(s *jsonschema.Schema) { s.Title = "extended" }

type described1 int

type described2 struct{ A described1 }

type tree struct {
	Value    int
	Children []*tree         `json:"children" msgpack:"children"`
	ByName   map[string]tree `json:"byName,omitempty" msgpack:"byName,omitempty"`
}

type chicken struct{ Egg *egg }
type egg struct{ Chickens []chicken }

type nest []nest

type generic[T any] struct{ Value T }

type keywords struct {
	State  string   `json:"state" msgpack:"state" jsonschema:"enum=idle,enum=moving,description=what it does,title=State"`
	Speed  float64  `jsonschema:"minimum=0,maximum=10,example=2.5"`
	Count  uint8    `jsonschema:"enum=1,enum=2,default=1"`
	Names  []string `jsonschema:"minItems=1,enum=a,enum=b"`
	Text   *string  `jsonschema:"pattern=^[ab]+$,enum=a,enum=ab"`
	Inner  *scalars `jsonschema_description:"one, or none" jsonschema_extras:"unit=m"`
	Number int      `json:",string" jsonschema:"enum=5"`
	Unseen int      `jsonschema:"-"`
}

type keyAsInt struct {
	A int `cbor:"1,keyasint"`
	B int `cbor:"-2,keyasint,omitempty"`
	_ struct{}
}

type cborArray struct {
	_ struct{} `cbor:",toarray"`
	A int
	B []byte `cbor:",omitempty"`
	*Base
}

type cborTypes struct {
	Tag    cbor.Tag
	Raw    cbor.RawMessage
	String cbor.ByteString
	Both   int `json:"json" cbor:"cbor"`
	Big    big.Int
}

type msgpackArray struct {
	_msgpack struct{} `msgpack:",as_array"` //lint:ignore U1000 the library reads it
	A        int
	B        []byte
}

type msgpackTypes struct {
	_msgpack struct{} `msgpack:",omitempty"` //lint:ignore U1000 the library reads it
	Quoted   int      `msgpack:"'a,b'"`
	Alias    int      `msgpack:"new,alias:old"`
	Base     `msgpack:",noinline"`
	Err      error
	List     []string
}

// two types of one name
func sameNames() reflect.Type {
	type point struct{ X, Y int }
	type inner struct{ P []point }
	other := func() reflect.Type {
		type point struct{ Name string }
		return reflect.TypeFor[point]()
	}()
	return reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeFor[inner]()}, {Name: "B", Type: other}})
}

type (
	twice0 struct{ A, B, C twice1 }
	twice1 struct{ A, B, C twice2 }
	twice2 struct{ A, B, C twice3 }
	twice3 struct{ A, B, C twice4 }
	twice4 struct{ A, B, C twice5 }
	twice5 struct{ A, B, C twice6 }
	twice6 struct {
		A, B, C scalars
		T       time.Time
	}
)
