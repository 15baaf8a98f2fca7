package cdr_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/cdr"
)

const rangeSchema = `std_msgs/Header header
uint8 ULTRASOUND=0
uint8 INFRARED=1
uint8 radiation_type
float32 field_of_view
float32 min_range
float32 max_range
float32 range
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
`

type Range struct {
	Header struct {
		Stamp   time.Time
		FrameID string
	}
	RadiationType uint8
	FieldOfView   float32
	MinRange      float32
	MaxRange      float32
	Distance      float32 `ros:"range"`
}

func ExampleCodec() {
	codec, err := cdr.Codec[Range]("sensor_msgs/msg/Range", rangeSchema) // for topic.PublisherOptions and SubscriberOptions
	if err != nil {
		fmt.Println(err)
		return
	}
	r := Range{RadiationType: 1, MaxRange: 4, Distance: 1.25}
	r.Header.Stamp, r.Header.FrameID = time.Unix(1700000000, 5), "front"
	payload, err := codec.Encoder().Append(nil, r)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d bytes of %s: % x ...\n", len(payload), codec.Type().Encoding, payload[:12])

	var got Range
	err = codec.Decoder().Decode(payload, &got)
	fmt.Println(got.Header.FrameID, got.Distance, err)

	err = codec.Decoder().Decode(payload[:30], &got)
	var bad *cdr.FieldError
	if errors.As(err, &bad) {
		fmt.Println(bad.Path, bad.Offset)
	}
	// Output:
	// 40 bytes of cdr: 00 01 00 00 00 f1 53 65 05 00 00 00 ...
	// front 1.25 <nil>
	// min_range 28
}

func ExampleCodec_mismatch() {
	_, err := cdr.Codec[struct{ Data int32 }]("std_msgs/msg/String", "string data")
	fmt.Println(err)
	// Output: match std_msgs/msg/String with struct { Data int32 }: data: string in the schema does not match int32 in Go
}

func ExampleToJSON() {
	t := serde.Type{Name: "sensor_msgs/msg/Range", Encoding: cdr.Encoding, SchemaEncoding: cdr.SchemaEncoding, Schema: []byte(rangeSchema)}
	payload, err := cdr.FromJSON(t, []byte(`{"header":{"frame_id":"rear"},"radiation_type":1,"range":"Infinity"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	doc, err := cdr.ToJSON(t, payload)
	fmt.Println(string(doc), err)
	// Output: {"header":{"stamp":{"sec":0,"nanosec":0},"frame_id":"rear"},"radiation_type":1,"field_of_view":0,"min_range":0,"max_range":0,"range":"Infinity"} <nil>
}
