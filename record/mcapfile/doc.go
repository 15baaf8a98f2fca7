// Package mcapfile reads and writes MCAP files. It knows nothing of topics in shared memory.
//
// The Writer builds chunks itself and closes them by size or age, so that what a killed process had written half a second
// before is in the file. The Reader takes files from any tool, and hostile ones: it checks every chunk's CRC, never
// panics, allocates no more than its Limits, and hands out all that is whole before it says what is not. A Plan reads a
// file in the order of its log times without holding its payloads in memory.
//
// Times are nanoseconds since 1970 as the file has them, unsigned.
package mcapfile
