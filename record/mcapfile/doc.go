// Package mcapfile reads and writes MCAP files. It is independent of shared memory and topics.
//
// The Writer builds chunks itself and closes them by size or age, so that a killed process leaves a file with everything
// that it had written half a second before. The Reader accepts files from any tool, including hostile ones. It checks every
// chunk's CRC, never panics, allocates at most what its Limits allow, and returns everything that is intact before it
// reports damage. A Plan reads a file by log time without holding its payloads in memory.
//
// Times are unsigned nanoseconds since 1970, as in the file.
package mcapfile
