package metrics

import (
	"encoding/binary"
	"fmt"
	"time"
)

// CPU says how a CPU spent its time since the sample before: shares that add up to 1. The first sample covers the time
// since boot.
type CPU struct {
	User   float64 `msgpack:"user"` // with nice
	System float64 `msgpack:"system"`
	IRQ    float64 `msgpack:"irq"` // with softirq
	IOWait float64 `msgpack:"iowait"`
	Steal  float64 `msgpack:"steal"`
	Idle   float64 `msgpack:"idle"`
}

// Kernel counts what the kernel did since boot.
type Kernel struct {
	ContextSwitches uint64 `cbor:"context_switches"`
	Interrupts      uint64 `cbor:"interrupts"`
	Forks           uint64 `cbor:"forks"`
	Running         uint64 `cbor:"running"` // tasks, now
	Blocked         uint64 `cbor:"blocked"` // tasks, now
}

// Memory is in bytes.
type Memory struct {
	Total     uint64 `cbor:"total"`
	Available uint64 `cbor:"available"`
	Free      uint64 `cbor:"free"`
	Cached    uint64 `cbor:"cached"`
	Shared    uint64 `cbor:"shared"` // holds what shmbus itself uses
	Dirty     uint64 `cbor:"dirty"`
	SwapTotal uint64 `cbor:"swap_total"`
	SwapFree  uint64 `cbor:"swap_free"`
}

// Disk is the work of one block device.
type Disk struct {
	ReadBytes        uint64  `msgpack:"read_bytes"`    // since boot
	WrittenBytes     uint64  `msgpack:"written_bytes"` // since boot
	ReadPerSecond    float64 `msgpack:"read_bytes_per_second"`
	WrittenPerSecond float64 `msgpack:"written_bytes_per_second"`
	Operations       float64 `msgpack:"operations_per_second"`
	Busy             float64 `msgpack:"busy"` // share of the time, 0 to 1
}

// Network is the traffic of one interface.
type Network struct {
	ReceivedBytes     uint64  `cbor:"received_bytes"` // since it came up
	SentBytes         uint64  `cbor:"sent_bytes"`     // since it came up
	ReceivedPackets   uint64  `cbor:"received_packets"`
	SentPackets       uint64  `cbor:"sent_packets"`
	Errors            uint64  `cbor:"errors"`
	Dropped           uint64  `cbor:"dropped"`
	ReceivedPerSecond float64 `cbor:"received_bytes_per_second"`
	SentPerSecond     float64 `cbor:"sent_bytes_per_second"`
}

// Pressure is the share of time, in per cent, that tasks waited for a resource.
type Pressure struct {
	Some10 float64 `msgpack:"some_avg10"` // at least one task, over 10 s
	Some60 float64 `msgpack:"some_avg60"`
	Full10 float64 `msgpack:"full_avg10"` // all tasks
	Full60 float64 `msgpack:"full_avg60"`
}

// Uptime is in seconds.
type Uptime struct {
	Up   float64 `json:"up"`
	Idle float64 `json:"idle"` // of all CPUs together
}

// Processes lists the processes that matter most.
type Processes struct {
	Count     int       `json:"count"`
	Threads   uint64    `json:"threads"`
	TopCPU    []Process `json:"top_cpu"`
	TopMemory []Process `json:"top_memory"`
}

// Process is one process.
type Process struct {
	PID    int     `json:"pid"`
	Name   string  `json:"name"`
	CPU    float64 `json:"cpu"`    // CPUs kept busy since the sample before
	Memory uint64  `json:"memory"` // bytes resident
}

// A Clock tells how well the machine keeps time. It travels as 16 raw bytes: two little-endian 64-bit integers.
type Clock struct {
	Due  time.Time     // when the turn was to begin
	Late time.Duration // how much later it began
}

const clockSize = 16

// Append appends the 16 bytes.
func (c Clock) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(c.Due.UnixNano()))
	return binary.LittleEndian.AppendUint64(dst, uint64(c.Late))
}

// ParseClock reads the 16 bytes.
func ParseClock(b []byte) (Clock, error) {
	if len(b) != clockSize {
		return Clock{}, fmt.Errorf("a clock of %d bytes, %d expected", len(b), clockSize)
	}
	return Clock{
		Due:  time.Unix(0, int64(binary.LittleEndian.Uint64(b))),
		Late: time.Duration(binary.LittleEndian.Uint64(b[8:])),
	}, nil
}
