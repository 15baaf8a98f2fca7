package mcapfile

import (
	"fmt"
	"runtime"
	"time"
)

// WriterOptions: the zero value suits recording.
type WriterOptions struct {
	Compression Compression
	Level       int // of the compression, 1 = fastest; 0 = 1
	// Goroutines is the number of goroutines that compress. 0 = half of the processors: a recorder must not compete with the recorded
	// programs.
	Goroutines int
	ChunkSize  int           // bytes before compression; default 1 MiB, at most 1 GiB. A larger message gets a chunk of its own
	ChunkAge   time.Duration // a chunk is closed this long after its first message; default 500 ms
	Queue      int           // bytes that may wait for compression and writing, with those of Hold; default 64 MiB
	Overflow   Overflow      // what happens if more have to wait
	// SyncInterval is the time between two syncs of the destination, if it supports them; 0 = only by Close.
	SyncInterval time.Duration
	Library      string // that the file names as its writer; default "shmbus"
	Profile      string // of the file
	// RangeLimit is the number of bytes of a file that may describe ranges. Default 32 MiB, half of the memory that readers use for
	// schemas, channels and metadata.
	RangeLimit int
	// Repeat lets each part begin with the newest earlier message of each latched source, and the values of PutMetadata that still apply of
	// keys with numbers.
	Repeat bool
}

// Overflow says what a Writer does if its queue is full. The zero value is Wait.
type Overflow string

// What a Writer does if its queue is full.
const (
	Wait       Overflow = "wait"   // Write waits
	DropNewest Overflow = "newest" // the newest chunk is dropped
	DropOldest Overflow = "oldest" // the oldest waiting chunk is dropped
)

const maxChunkSize = 1 << 30

// Check returns an error for options that NewWriter refuses.
func (o *WriterOptions) Check() error {
	_, err := o.checked()
	return err
}

func (o *WriterOptions) checked() (WriterOptions, error) {
	var c WriterOptions
	if o != nil {
		c = *o
	}
	if c.Compression == "" {
		c.Compression = Zstd
	}
	if err := c.Compression.check(c.Level); err != nil {
		return c, err
	}
	switch c.Overflow {
	case "":
		c.Overflow = Wait
	case Wait, DropNewest, DropOldest:
	default:
		return c, fmt.Errorf("%.100q does not say what to drop; there are newest, oldest and wait", string(c.Overflow))
	}
	if c.Goroutines <= 0 {
		c.Goroutines = max(runtime.GOMAXPROCS(0)/2, 1)
	}
	if c.Compression == Uncompressed {
		c.Goroutines = 1 // for the checksums
	}
	if c.ChunkSize <= 0 {
		c.ChunkSize = 1 << 20
	}
	c.ChunkSize = min(c.ChunkSize, maxChunkSize)
	if c.ChunkAge <= 0 {
		c.ChunkAge = 500 * time.Millisecond
	}
	if c.Queue <= 0 {
		c.Queue = 64 << 20
	}
	if c.RangeLimit <= 0 {
		c.RangeLimit = 32 << 20
	}
	if c.Library == "" {
		c.Library = "shmbus"
	}
	return c, nil
}
