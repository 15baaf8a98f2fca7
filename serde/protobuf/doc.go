// Package protobuf encodes protobuf messages and decodes them, with and without their generated types.
//
// A program with generated types names the [Codec] on both sides:
//
//	codec := protobuf.Codec[*pb.Pose]()
//	pub, err := topic.NewPublisher(ctx, p, "robot/pose", &topic.PublisherOptions[*pb.Pose]{Codec: codec})
//	sub, err := topic.NewSubscriber(ctx, p, "robot/pose", &topic.SubscriberOptions[*pb.Pose]{Codec: codec})
//
// The type name is the full name of the message, and the schema is a FileDescriptorSet with all that the message needs, so
// recordings open in other tools, which know this encoding and this form of schema. [TypeOf] makes the type of a message
// for [serde.Opaque], if another library encodes it.
//
// # vtprotobuf
//
// If M has the methods SizeVT and MarshalToSizedBufferVT, the encoder uses these. If M has UnmarshalVT and no message in it can
// contain one of its own type, the decoder uses that. UnmarshalVT has no limit of depth, so all other messages are decoded
// by the library itself. The vtprotobuf methods do not check that text is UTF-8.
//
// # Without the generated type
//
// Tools convert payloads by the schema that the publisher announces: [ToJSON] and [FromJSON], or [ParseSchema] and the methods of
// [Schema] for many payloads of one type.
//
// # Evolution
//
// A publisher and a subscription of one message are connected if their schemas are [Compatible]: fields may come and go, but the kinds and
// cardinalities of those that both have are equal. Otherwise the error names the field.
//
// # Hostile input
//
// Payloads and schemas come from other processes and are not trusted. Decoding is as package serde describes: each byte
// is read once, into a private copy; malformed payloads are errors that name the byte and the field; panics are errors. Messages
// nest as deep as the library permits by default, 10000, and with [Schema] serde.MaxDepth deep. The memory of a decoder is bounded by
// the payload's length times a factor: the size of the largest message in memory, and less than a thousand with [Schema].
// The schema itself is limited to 16 MiB, 4096 files and 262144 elements.
package protobuf
