package mcapfile

import "math"

// MaxMessage is how many bytes the payload of one message may have, for the Writer and for every reader. A chunk with such a
// message stays below the 2 GiB that common MCAP libraries take.
const MaxMessage = 2000 << 20

// Limits bounds what a Reader takes into memory; zero fields mean the defaults.
type Limits struct {
	Chunk       uint64 // bytes of one chunk, compressed and uncompressed each; default 1 GiB, at most 4 GiB
	Record      uint64 // bytes of one message outside of chunks; default 1 GiB, at most 4 GiB
	Definitions uint64 // bytes of all schema, channel and metadata records together; default 64 MiB
	Open        uint64 // bytes of uncompressed chunks that a Plan holds at once; default 256 MiB, and always one chunk
}

func (l *Limits) checked() Limits {
	var c Limits
	if l != nil {
		c = *l
	}
	set := func(v *uint64, def uint64) {
		if *v == 0 {
			*v = def
		}
	}
	set(&c.Chunk, 1<<30)
	set(&c.Record, 1<<30)
	set(&c.Definitions, 64<<20)
	set(&c.Open, 256<<20)
	// Places within a chunk are kept in 32 bits.
	c.Chunk, c.Record = min(c.Chunk, math.MaxUint32, math.MaxInt), min(c.Record, math.MaxUint32, math.MaxInt)
	return c
}
