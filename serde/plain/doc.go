// Package plain publishes Go values without serialization: the payload has the bytes of the value as they are in memory.
//
// It is for types of fixed size without pointers: bools, integers and floating-point numbers of stated size, arrays, and structs of these.
// [New] makes the [Codec] of such a type, [NewSlice] that of a header followed by any number of elements, as point clouds and images are:
//
//	type Pose struct {
//		_       structs.HostLayout
//		X, Y    float64
//		Heading float32
//		Valid   plain.Bool
//		_       [3]byte
//	}
//
//	codec, err := plain.New[Pose]()
//	pub, err := topic.NewPublisher(ctx, p, "robot/pose", &topic.PublisherOptions[Pose]{Codec: codec})
//
// There are two ways to write, and two to read:
//
//   - Publisher.Publish copies the value once, into shared memory. Values of more than some hundred bytes are published by
//     pointer: [Codec.ByPointer].
//   - [Codec.Init] and [SliceCodec.Init] lay a value over the memory of a Loan, where it is written without a copy.
//   - Sample.Value copies the value once, out of shared memory.
//   - [Codec.View] and [SliceCodec.View] lay a value over the payload of a sample, where it is read without a copy until Release.
//
// # Types
//
// New walks the type once and refuses it by a [*TypeError] that names the field:
//
//   - int, uint and uintptr, whose sizes differ between processors; complex numbers; everything that holds a pointer, as strings, slices,
//     maps, interfaces and functions do
//   - structs whose first field is not of type structs.HostLayout: without it a compiler may order the fields as it likes
//   - padding that is not declared. Each number lies at a multiple of its size on every processor, also 64-bit numbers on 32-bit
//     processors, where Go's compiler would place them at a multiple of 4. Where that leaves a gap, the error says which
//     field of the form `_ [n]byte` belongs there.
//   - fields without bytes, more than 32 levels of arrays and structs, more than 4096 fields, more than 1 GiB
//
// Fields named _ are padding. Their bytes are zero in every payload that an encoder makes and in the memory that Init and Overwrite
// prepare, so they never show what was in the memory before.
//
// # Matching
//
// The schema is JSON that describes the layout: byte order, and the kind, size and alignment of every part, names and offsets of fields,
// lengths of arrays, largest values of enums. Two layouts are equal if and only if their schemas are, byte by byte; so
// publishers and subscribers whose types differ are not connected, and neither are processes of different byte order. Plain types
// do not evolve: a new field is a new type.
//
//	{"byteOrder":"little","value":{"kind":"struct","size":24,"align":8,"fields":[{"name":"X","offset":0,"type":{"kind":"float64",...}},...]}}
//	{"byteOrder":"little","count":{"offset":0,"type":...},"header":{"offset":8,"type":...},"elements":{"offset":32,"type":...}}
//
// [ToJSON] and [FromJSON] convert payloads by the schema alone, for tools that do not know the Go type, and on every processor.
//
// # Hostile publishers
//
// A payload is memory that its publisher may change at any time. Value copies it, checks the copy, and returns a *serde.DecodeError
// if a bool is neither 0 nor 1 or an [Enum] is out of range; the result is safe like any other value.
//
// A view checks the same, and is then still memory of the publisher. Numbers have no invalid bytes, so an access is always safe; but
// two reads of a field may differ. A program therefore copies a field to a variable before it checks and uses it: an index, a length, an
// enum. For a bool of Go that does not suffice, because the compiler relies on 0 and 1: View refuses types with such a bool, and [Bool]
// is the type to use instead. Honest publishers never change a sample that is held.
//
// A publisher's process may also truncate its file, after which access to a large payload in place faults. View has the rules of
// Sample.Bytes: call it and use its result within Sample.Read or Subscriber.Handle to get an error instead.
//
// No access in place is atomic. Package sync/atomic must not be used on fields of a payload.
package plain
