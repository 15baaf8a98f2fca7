// Package flatbuffers reads FlatBuffers messages in place and writes them into shared memory, with and without their generated types.
//
// flatc makes two things of a schema: the types (flatc --go), and the binary schema (flatc --schema --binary), which the program embeds.
// [New] makes the [Codec] of a table:
//
//	//go:embed nav.bfbs
//	var schema []byte
//
//	codec, err := flatbuffers.New[nav.Pose]("nav.Pose", schema)
//	pub, err := topic.NewPublisher(ctx, p, "robot/pose", &topic.PublisherOptions[flatbuffers.Build]{Codec: codec.Builds()})
//	sub, err := topic.NewSubscriber(ctx, p, "robot/pose", &topic.SubscriberOptions[*nav.Pose]{Codec: codec})
//
// The type name is the full name of the table. Encoding and form of schema are those that MCAP registers, so recordings open in other
// tools.
//
// # Reading
//
//   - [Codec.Read], within Sample.Read, calls a function with the table over the payload. Its cost does not depend on the length of the
//     message.
//   - [Codec.View] returns the same table, for programs that trust their publishers.
//   - Sample.Value copies the payload, verifies the copy and returns a table over it.
//   - [Codec.Verify] verifies a copy that the program has made itself.
//
// # Writing
//
//   - Publisher.Publish with a [Build], a function that uses a Builder, costs one copy: a Builder writes from the end of its memory towards
//     the beginning and needs more memory while it works, so it has its own.
//   - [Codec.BuildIn] lays the Builder over a Loan. The message stays at the end of the loan, and the offset at the beginning of the payload
//     leads to its root, so there is no copy. It is best for large vectors whose length is known.
//   - Publisher.Publish with a table publishes the message again of which the table is the root. It costs one copy.
//
// # Hostile publishers
//
// Accessors of generated tables do not check what they read. They cannot read outside of the payload, but they panic on bytes that are
// not valid, and loop over a vector as long as the bytes say. Verification of a payload in shared memory does not help: its publisher
// can change the bytes after it. The ways to read are therefore:
//
//   - Read is safe: a panic is a *serde.DecodeError, and a fault, as Sample.Bytes says, is the error of Sample.Read. Two reads of a field
//     may differ, so a program copies a field to a variable before it checks and uses it. Strings and byte vectors
//     are memory of the publisher, too.
//   - Value is safe, and so is a private copy after Verify: every accessor works, every read gives the same result, and a walk over all
//     tables ends.
//   - View is safe only for publishers that are trusted.
//
// # Matching and evolution
//
// A publisher and a subscription of one table are connected if their binary schemas follow the rules of FlatBuffers: tables may gain
// fields at their end and deprecate fields. Otherwise the error is that of [Compatible], which names the field that breaks the rules.
//
// # Tools
//
// [ToJSON], [ToValue] and [FromJSON] convert payloads by the binary schema alone, [ParseSchema] and the methods of [Schema] many payloads of one
// type. Schemas and payloads are not trusted: all are verified, and depth, memory and time are bounded. Schemas are limited to 16 MiB,
// 262144 elements and structs of 64 KiB. Vectors with 64-bit offsets, which the Go runtime lacks, are not supported.
package flatbuffers
