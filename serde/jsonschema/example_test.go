package jsonschema_test

import (
	"fmt"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/jsonschema"
)

// An Arm is the state of a robot's arm. The options omitempty keep null out of the payloads, and so out of the schema.
type Arm struct {
	Mode   string    `json:"mode" jsonschema:"enum=idle,enum=moving"`
	Joints []float64 `json:"joints,omitempty" jsonschema:"description=angles in radians"`
	Image  []byte    `json:"image,omitempty"`
}

func ExampleCodec() {
	codec, err := jsonschema.Codec(serde.JSON[Arm]()) // for topic.PublisherOptions
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(codec.Type().Name, codec.Type().Encoding, codec.Type().SchemaEncoding)
	fmt.Println(string(codec.Type().Schema))
	payload, err := codec.Encoder().Append(nil, Arm{Mode: "idle", Joints: []float64{0, 1.5}})
	fmt.Println(string(payload), err)
	// Output:
	// jsonschema_test.Arm json jsonschema
	// {"$schema":"https://json-schema.org/draft/2020-12/schema","properties":{"mode":{"type":"string","enum":["idle","moving"]},"joints":{"items":{"type":"number"},"type":"array","description":"angles in radians"},"image":{"type":"string","contentEncoding":"base64"}},"type":"object","required":["mode"],"title":"jsonschema_test.Arm"}
	// {"mode":"idle","joints":[0,1.5]} <nil>
}
