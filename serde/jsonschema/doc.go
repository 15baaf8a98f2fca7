// Package jsonschema derives JSON Schemas from Go types for the encodings json, cbor and msgpack.
//
// [Codec] adds the schema to a codec. Publishers announce it with the topic, and recordings contain it, so that other tools check
// and show the messages:
//
//	codec, err := jsonschema.Codec(serde.JSON[Pose]())
//	pub, err := topic.NewPublisher(ctx, p, "robot/pose", &topic.PublisherOptions[Pose]{Codec: codec})
//
// Subscribers need not do the same: versions of a type in these encodings fit by field name, whatever their schemas are.
//
// # Schemas
//
// The schema is of draft 2020-12, and one type always gives the same bytes. It describes the payloads that the codec writes:
//
//   - Names, embedded structs and omitted fields are those of the encoding's library and its struct tags. A field is required
//     unless it may be left out. Other fields are permitted.
//   - Slices, maps and pointers may be null, unless their field has the option omitempty or omitzero. A message that is nil itself
//     is not described.
//   - Types with methods that encode them may be any value, or text or bytes where the interface says so. A type describes
//     itself by the methods JSONSchema and JSONSchemaExtend of github.com/invopop/jsonschema.
//   - The tags jsonschema, jsonschema_description and jsonschema_extras of that library add enums, limits, formats and
//     descriptions to fields: `jsonschema:"enum=idle,enum=moving,description=what the arm does"`.
//   - Types that contain themselves are definitions in $defs. All others stand where they are used, until the schema is large.
//
// Bytes are text with contentEncoding base64 in JSON. In CBOR and MessagePack they are byte strings, which JSON Schema does not know:
// they are described as text with contentEncoding binary, and in the JSON that package dynamic makes they are base64 too. Time stamps
// are text with format date-time in all three; so are MessagePack's, of which dynamic makes such text.
//
// Viewers such as Lichtblick read no schemas with null, references or values of any type. Types for them have the option omitempty at
// slices and pointers, and neither maps nor interfaces.
package jsonschema
