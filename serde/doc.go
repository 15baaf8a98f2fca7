// Package serde turns values into payload bytes and back, and names what the bytes are.
//
// A [Codec] is chosen once per publisher or subscriber: [Raw] and [Opaque] pass bytes through, [String] carries text,
// [MsgPack], [CBOR] and [JSON] carry Go values, and [Default] chooses among them by type. [ToJSON] and [FromJSON] are for
// tools that do not know the Go type.
//
// # Lifetime
//
// A source handed to a [Decoder] usually lies in memory shared with the publisher and is valid only until the sample is
// released. Decoders of [Raw] and [Opaque] do not copy: the slice they store is a window on the source, ends with it and
// must not be written to; clone it to keep it. Every other decoder copies what it stores, so its results are ordinary
// values that may be kept.
//
// # Hostile input
//
// Payloads come from other processes. Decoders read every byte of the source once, so a publisher that rewrites a payload
// while it is decoded gains nothing; they return an error for anything malformed, also for bytes after the value; and they
// do not panic, not even where a method of the decoded type does. MsgPack and CBOR values may nest [MaxDepth] deep, JSON
// ones 10000 deep. No length found in a payload is believed before the bytes that it promises are known to be there, so
// what a decoder allocates is bounded by the payload's length times a factor of the destination type: about the size of
// the largest slice element or map entry in it, and about two hundred when it decodes into interfaces.
package serde
