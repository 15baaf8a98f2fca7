// Package record writes the samples of a domain to MCAP files, plays such files back, and describes and compares them. The
// shmrec command is a thin layer over it. docs/recording.md describes the format.
//
// # Times
//
// A recording holds wall-clock nanoseconds. The publish time of a message is its publisher's stamp; the log time is the
// moment at which the recorder took it. Both are CLOCK_MONOTONIC plus the offset to the wall clock. When the wall clock is
// stepped, later messages get the new offset, and a metadata record "shmbus.clock" marks the step. Between steps the
// spacing of messages is exact.
//
// # Channels
//
// There is one MCAP channel for each topic, type, encoding, schema and latched flag, however many publishers there are. Its
// metadata has "shmbus.encoding", "shmbus.stream" and, where it applies, "shmbus.latched". The sequence numbers of a
// channel are divided into ranges, each of one publisher. The metadata records "shmbus.publishers" and
// "shmbus.publishers.ended" describe the ranges and the publishers. Within a range, a gap in the sequence numbers is a
// loss. A range that says "passed" begins after messages that are not missing: of a topic with keys only the newest of each from before
// the recording.
//
// The encoding of a topic is written unchanged. MCAP also knows the names "msgpack", "cbor", "json" and "protobuf"; "raw"
// and "string" are specific to shmbus. A type with a name or a schema gets an MCAP schema record, without data if it has
// only a name. A type with neither gets none. Playing the recording restores the same type.
//
// # Recovery
//
// When a recorder is killed, the file holds everything that was published half a second or more before: chunks are written
// when they are full or half a second old. Such a file has no index. Play, Info and Compare read it and report that it was
// not closed. RecordOptions.SyncInterval protects against a power failure.
package record
