package mcapfile

import (
	"math"
	"slices"
)

// Times returns limits of the times of what InOrderFrom yields, in the order of the plan, and false if it yields nothing.
func (p *Plan) Times(from uint64) (first, last uint64, any bool) {
	first = math.MaxUint64
	for i := range p.blocks {
		if b := &p.blocks[i]; b.last >= from {
			first, last, any = min(first, b.first), max(last, b.last), true
		}
	}
	return first, last, any
}

// iterationCost is the memory of an iteration besides chunks and blocks, mostly that of a decompressor with a window of up to windowIncluded.
const (
	iterationCost  = 4 << 20
	windowIncluded = 3 << 20
)

// Cost returns how many bytes of memory a plan and an iteration need at least: what is kept, the decompressor, a chunk as it is in the file
// and decompressed, one block, and the largest message that is in no block. Of a plan from an index, it needs all blocks of the same time.
func (p *Plan) Cost() uint64 {
	blocks := uint64(0)
	for i := range p.blocks {
		blocks = max(blocks, min(p.blocks[i].bytes, p.limits.block))
	}
	if p.inside != nil {
		blocks = max(blocks, p.overlap())
	}
	largest := uint64(0)
	for i := range p.Channels {
		if n := p.Channels[i].Largest; n+messageHead > p.limits.block {
			largest = max(largest, n)
		}
	}
	return p.kept + iterationCost + max(p.window, windowIncluded) - windowIncluded + blocks + 2*p.chunk + largest
}

// Share lets later iterations take only the n-th part of the memory for overlapping blocks, because n plans are iterated at once. A plan from
// an index was made only where these are few.
func (p *Plan) Share(n int) {
	if p.inside == nil {
		p.limits.open /= uint64(max(n, 1))
	}
}

// overlaps reports whether more chunks have messages of the same time than fit into memory. NewPlan then knows better how to read them.
func (p *Plan) overlaps() bool { return p.overlap() > p.limits.open/2 }

// overlap returns the bytes of the blocks of the same time where they are most. It stops looking when these are too many.
func (p *Plan) overlap() (most uint64) {
	open, held := []block{}, uint64(0)
	for _, b := range p.blocks {
		open = slices.DeleteFunc(open, func(o block) bool {
			if o.last < b.first {
				held -= o.bytes
			}
			return o.last < b.first
		})
		open = append(open, b)
		if held += b.bytes; len(open) > 1 {
			most = max(most, held)
		}
		if most > p.limits.open/2 {
			break
		}
	}
	return most
}
