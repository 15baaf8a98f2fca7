package shmtransport

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// WriterOptions are the geometry and the limits of a publisher. The zero value is right for most.
type WriterOptions struct {
	Depth             int    // ring entries, a power of two up to MaxDepth; default 16
	MaxKeys           int    // keys whose newest samples are kept, up to MaxKeys; default none
	MaxPayload        int    // bytes; default 256 MiB
	InitialSampleSize int    // payload bytes of the slots reserved at once; default: none before the first sample
	MemoryLimit       int64  // bytes of slots; default 1 GiB
	NeverWaits        bool   // publishes overwrite also what lossless readers have not taken
	KeepFor           uint64 // participant: what its readers have not taken keeps its memory as long as it is in the ring; without other memory a publish fails. 0 = none
	Volatile          bool   // the slots of samples that every reader has taken are used again at once; late readers get at most the newest
	Group             int    // group of the file, of which this process must be a member; 0 = that of the directory

	// Clock stamps the samples. The default is a new one. Publishers of one participant share a clock, because making
	// one reads files of the kernel.
	Clock clock.Clock

	// Failed is called, if set, on a goroutine of its own when the Writer removes a reader that truncated its file.
	Failed func(LinkRequest, error)
}

// largestPayload is MaxPayload, or less where an int has 32 bits, so that slot sizes do not overflow.
const largestPayload int64 = min(MaxPayload, math.MaxInt/2)

func (o WriterOptions) withDefaults() (WriterOptions, error) {
	if o.Clock == (clock.Clock{}) {
		o.Clock = clock.New()
	}
	if o.Depth == 0 {
		o.Depth = defaultDepth
	}
	if o.MaxPayload == 0 {
		o.MaxPayload = 256 << 20
	}
	if o.MemoryLimit == 0 {
		o.MemoryLimit = 1 << 30
	}
	switch {
	case o.Depth < 1 || o.Depth > MaxDepth || bits.OnesCount(uint(o.Depth)) != 1:
		return o, fmt.Errorf("Depth is %d, must be a power of two from 1 to %d", o.Depth, MaxDepth)
	case o.MaxKeys < 0 || o.MaxKeys > MaxKeys:
		return o, fmt.Errorf("MaxKeys is %d, must be from 0 to %d", o.MaxKeys, MaxKeys)
	case o.MaxPayload < 0 || int64(o.MaxPayload) > largestPayload:
		return o, fmt.Errorf("MaxPayload is %d, must be from 1 to %d bytes", o.MaxPayload, largestPayload)
	case o.InitialSampleSize < 0 || o.InitialSampleSize > o.MaxPayload:
		return o, fmt.Errorf("SampleSize is %d, must be from 0 to MaxPayload, %d bytes", o.InitialSampleSize, o.MaxPayload)
	case o.MemoryLimit < 0:
		return o, fmt.Errorf("MemoryLimit is %d, must be positive", o.MemoryLimit)
	}
	return o, nil
}

// SmallPayload is the largest payload in bytes that publisher and reader copy, rather than keep in a slot.
const SmallPayload = ring.SmallPayload
