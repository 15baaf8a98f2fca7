// Package flatbuffers reads and writes FlatBuffers messages, with and without their generated types.
package flatbuffers
