// Package record writes what is published in a domain to MCAP files, plays such files back, and describes and compares
// them. The shmrec command is a thin layer over it.
//
// # Times
//
// A recording holds wall-clock nanoseconds. The publish time of a message is its publisher's stamp, the log time is the
// moment the recorder took it. Both are CLOCK_MONOTONIC plus one offset that is fixed when the recording starts, so the
// spacing of messages is true even when the wall clock is set meanwhile. The sequence of a message is the low 32 bits of
// its publisher's sequence: a gap is a loss.
//
// # Channels
//
// There is one MCAP channel for each (topic, publisher, type). Its metadata says which publisher that was:
// "shmbus.publisher", "shmbus.encoding" and, where known, "shmbus.unit" and "shmbus.executable". The encoding of a topic is
// written as it is; "msgpack", "cbor", "json" and "protobuf" are names that MCAP knows too, "raw" and "string" are ours. A
// type with a name or a schema gets an MCAP schema record (with no data where it has only a name); a type with neither
// gets none. Played back, the type is the same again.
//
// # What survives
//
// Everything published half a second or more before a recorder is killed is in the file: chunks are written out when they
// are full or half a second old. The file is then readable though it has no index, and Play, Info and Compare read it and
// say so. Against a power failure see RecordOptions.SyncInterval.
package record
