package mcapfile

import "math"

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

// iterationCost is the memory of an iteration besides chunks and blocks, mostly that of a decompressor.
const iterationCost = 4 << 20

// Cost returns how many bytes of memory an iteration needs at least: a chunk as it is in the file and decompressed, and one block. Of a plan
// from an index, it needs all blocks of the same time.
func (p *Plan) Cost() uint64 {
	blocks := uint64(0)
	for i := range p.blocks {
		blocks = max(blocks, min(p.blocks[i].bytes, p.limits.block))
	}
	if p.inside != nil {
		blocks = max(blocks, p.overlap())
	}
	return iterationCost + blocks + 2*p.chunk
}

// Share lets later iterations take only the n-th part of the memory for overlapping blocks, because n plans are iterated at once. A plan from
// an index was made only where these are few.
func (p *Plan) Share(n int) {
	if p.inside == nil {
		p.limits.open /= uint64(max(n, 1))
	}
}
