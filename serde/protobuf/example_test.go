package protobuf_test

import (
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/shmbus/shmbus/serde/protobuf"
)

func ExampleCodec() {
	codec := protobuf.Codec[*timestamppb.Timestamp]() // for PublisherOptions and SubscriberOptions
	payload, err := codec.Encoder().Append(nil, &timestamppb.Timestamp{Seconds: 1700000000})
	check(err)
	var stamp *timestamppb.Timestamp
	check(codec.Decoder().Decode(payload, &stamp))
	fmt.Println(codec.Type().Name, codec.Type().Encoding, stamp.AsTime().Year())

	err = codec.Decoder().Decode(payload[:3], &stamp)
	fmt.Println(err)
	// Output:
	// google.protobuf.Timestamp protobuf 2023
	// decode protobuf as google.protobuf.Timestamp: at byte 0, field seconds: unexpected EOF
}

func ExampleParseSchema() {
	typ := protobuf.Codec[*timestamppb.Timestamp]().Type() // or Sample.Type
	schema, err := protobuf.ParseSchema(typ)
	check(err)
	payload, err := schema.FromJSON([]byte(`"2026-01-02T03:04:05.5Z"`))
	check(err)
	text, err := schema.ToJSON(payload)
	check(err)
	fmt.Printf("%x %s\n", payload, text)
	// Output: 08a5ebdcca061080cab5ee01 "2026-01-02T03:04:05.500Z"
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
