// Package capnproto publishes Cap'n Proto messages, which are built in shared memory and read there without a copy.
//
// [New] makes the [Codec] of a struct that capnpc-go has generated. The schema is the CodeGeneratorRequest that "capnp compile -o-" writes:
//
//	//go:embed robot.schema
//	var schema []byte
//
//	codec, err := capnproto.New(schema, robot.Image_TypeID, robot.NewRootImage)
//	pub, err := topic.NewPublisher(ctx, p, "camera/image", &topic.PublisherOptions[robot.Image]{Codec: codec})
//
// There are two ways to write, and two to read:
//
//   - Publisher.Publish copies the segments of a message of the heap into shared memory.
//   - [Codec.Build] builds a message of one segment directly in a Loan. The library clears each object when it is added, so a
//     list that is filled in place is written twice, and a SetData of existing bytes too. The library has no arena of fixed size that
//     continues elsewhere: a message that outgrows the loan is a [*ShortBufferError].
//   - Sample.Value copies the payload once. The struct is in the copy, and stays valid.
//   - [Codec.Read] and [Codec.View] read the payload in place, at a cost that does not depend on its length.
//
// Payloads are in the stream framing, not packed, of at most 512 segments. Type names are display names as the schema has them, such as
// "robot.capnp:Image"; they contain the path that capnp was called with, unless it was called with --src-prefix. In recordings
// encoding and schema encoding are "capnproto". These are the names that MCAP registers.
//
// # Without the generated type
//
// Tools convert payloads by the schema that the publisher announces: [ToJSON], [ToValue] and [FromJSON], or [ParseSchema] and the methods of
// [Schema] for many payloads of one type. The content of AnyPointer, of type parameters and of interfaces is not shown.
//
// # Evolution
//
// A publisher and a subscription of one struct are connected if their schemas follow the rules of Cap'n Proto: a struct may get new
// fields at either side. Otherwise the error is that of [Compatible], which names the field that does not fit.
//
// # Hostile publishers
//
// A payload is memory that its publisher may change at any time. View checks the framing and the root pointer. The library checks every
// other pointer when it is followed, against the bounds of its segment, and reads the pointer once. So no access leads out of the payload,
// whatever the publisher does; but two reads of a field may differ. A program that follows a pointer twice may get lists of different
// lengths, and a getter of a union panics if another member has become active since Which: Read makes an error of such panics, View does
// not. A program copies what it checks and then uses, and it keeps a list instead of following the pointer to it again.
//
// The library limits how many bytes all pointers together may lead to, counted each time that one is followed. The limit is 64 MiB and
// eight times the payload, and 4 MiB for types that may contain themselves. A program that needs more calls Message().ResetReadLimit on
// the root. At most 65 pointers follow each other, but the library's limit of that does not hold for all lists of structs, which may
// contain themselves:
//
//   - Recursive functions need a limit of depth of their own. Without it they end at 4 MiB, half a million levels deep.
//   - A struct of a payload must not be copied with all that it leads to, as SetRoot, the setters of other messages, CopyFrom and
//     capnp.Equal do: a payload of some bytes can exhaust the stack, which ends the process. Copy its fields.
//
// A List(Bool) of more than 4194304 elements makes the library panic. Honest publishers never change a sample that is held.
//
// ToJSON reads each byte once, into a private copy, and checks it by the schema; errors name byte and field. Schemas are not trusted
// either: they are limited to 16 MiB, 65536 nodes, and 262144 fields and enum values.
package capnproto
