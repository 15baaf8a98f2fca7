package capnproto_test

import (
	"fmt"

	"github.com/shmbus/shmbus/internal/testcapnp"
	"github.com/shmbus/shmbus/serde/capnproto"
)

func ExampleCodec_Build() {
	codec, err := capnproto.New(testcapnp.Schema(), testcapnp.Vector_TypeID, testcapnp.NewRootVector)
	check(err)
	memory := make([]byte, 1000) // or the Bytes of a Loan
	n, err := codec.Build(memory, func(v testcapnp.Vector) error {
		v.SetX(1.5)
		return nil
	})
	check(err)
	err = codec.Read(memory[:n], func(v testcapnp.Vector) error {
		fmt.Println(codec.Type().Name, n, v.X())
		return nil
	})
	check(err)

	_, err = codec.Build(make([]byte, 30), func(testcapnp.Vector) error { return nil })
	fmt.Println(err)
	_, err = codec.View(memory[:20])
	fmt.Println(err)
	// Output:
	// testcapnp.capnp:Vector 40 1.5
	// build testcapnp.capnp:Vector: 30 bytes do not suffice, of which 16 are used: take a larger loan, or publish a message of the heap
	// decode capnproto as testcapnp.capnp:Vector: at byte 4: segment 0 has 32 bytes, and 12 are left
}

func ExampleParseSchema() {
	typ, err := capnproto.TypeOf(testcapnp.Schema(), testcapnp.Vector_TypeID) // or Sample.Type
	check(err)
	schema, err := capnproto.ParseSchema(typ)
	check(err)
	payload, err := schema.FromJSON([]byte(`{"x":1.5,"z":"Infinity"}`))
	check(err)
	text, err := schema.ToJSON(payload)
	check(err)
	fmt.Printf("%d bytes: %s\n", len(payload), text)
	// Output: 40 bytes: {"x":1.5,"y":0,"z":"Infinity"}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
