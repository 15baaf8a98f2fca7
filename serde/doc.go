// Package serde encodes values to payload bytes, decodes them, and describes their types.
//
// A publisher or subscriber uses one [Codec]. [Raw] and [Opaque] pass bytes through, [String] carries text, [MsgPack],
// [CBOR] and [JSON] carry Go values, and [Default] selects one of them by type. [ToJSON] and [FromJSON] are for tools that
// do not know the Go type.
//
// # Lifetime
//
// The source of a [Decoder] is usually memory that is shared with the publisher, valid until the sample is released.
// Decoders of [Raw] and [Opaque] do not copy: the slice that they store aliases the source, has the same lifetime and must
// not be written to. Clone it to keep it. Every other decoder copies, so its results are ordinary values that may be kept.
//
// # Hostile input
//
// Payloads come from other processes and are not trusted:
//
//   - Decoders read every byte of the source once, so a publisher cannot gain anything by changing a payload during decoding.
//   - Malformed payloads are errors, including payloads with bytes after the value.
//   - Decoders do not panic, even if a method of the decoded type does.
//   - MsgPack and CBOR values may nest [MaxDepth] deep, JSON values 10000 deep.
//   - A length in a payload is used only when the payload has the bytes that it announces. The memory of a decoder is
//     therefore bounded by the payload's length times a factor of the destination type: about the size of its largest slice
//     element or map entry, and about two hundred for decoding into interfaces.
package serde
