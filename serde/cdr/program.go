package cdr

import "reflect"

// An opKind is what a step of a program does.
type opKind uint8

const (
	opBlock    opKind = iota // bytes that are the same in memory and in the payload
	opText                   // string
	opWideText               // wstring
	opTime                   // builtin_interfaces/Time in a time.Time
	opDuration               // builtin_interfaces/Duration in a time.Duration
	opEmpty                  // the byte of a message without fields
	opBlocks                 // sequence of elements that are blocks
	opSequence               // sequence of other elements
	opArray                  // fixed array of other elements
)

// An op is one step of a program, which encodes and decodes the values of one Go type. Fields of fixed size that follow each other in
// memory as they do in the payload are one step.
type op struct {
	kind  opKind
	array bool    // the block is a fixed array of count elements, each of which has the parts
	bools bool    // the block has bools
	align int     // of the block, or of the elements of opBlocks: 1, 2, 4 or 8
	off   uintptr // in the memory of the Go value
	size  uintptr // in memory: of the block, or of one element
	bound int     // of strings and sequences: largest length, or unbounded
	count int     // of opArray: number of elements; of opBlock: how often the parts repeat, 1 if it is no array
	parts []part  // of the block, or of one element of opBlocks
	body  *program
	slice reflect.Type // of opSequence
	path  string
}

// A part is a field in a block.
type part struct {
	width int // of one number
	n     int // numbers
	bool  bool
	path  string
}

func (p *part) size() int { return p.width * p.n }

type program struct {
	ops  []op
	size uintptr // of the Go value
	min  int     // the fewest bytes of a value, without padding
}

// A place is what is known of the position in the payload while a program is made: pos % mod == rem. mod is 1, 2, 4 or 8.
type place struct{ mod, rem int }

// advance aligns the place and moves it by size bytes. It reports whether certainly no padding comes before them.
func (p *place) advance(align, size int) (adjacent bool) {
	if align > p.mod {
		*p = place{align, size % align}
		return false
	}
	adjacent = p.rem%align == 0
	p.rem = ((p.rem+align-1)&^(align-1) + size) % p.mod
	return adjacent
}

// block adds n numbers of the given width.
func (p *program) block(at *place, off uintptr, added part) {
	adjacent := at.advance(added.width, added.size())
	p.min += added.size()
	if last := len(p.ops) - 1; adjacent && last >= 0 {
		o := &p.ops[last]
		if o.kind == opBlock && !o.array && o.off+o.size == off {
			o.size += uintptr(added.size())
			o.parts = append(o.parts, added)
			o.bools = o.bools || added.bool
			return
		}
	}
	p.ops = append(p.ops, op{
		kind: opBlock, align: added.width, off: off, size: uintptr(added.size()), bools: added.bool, count: 1, parts: []part{added}, path: added.path,
	})
}

// isBlock reports whether values of the program, one after the other, are the same in memory and in the payload.
func (p *program) isBlock() bool {
	if len(p.ops) != 1 {
		return false
	}
	o := &p.ops[0]
	return o.kind == opBlock && o.off == 0 && o.size == p.size && o.size%uintptr(o.align) == 0
}

// uniform returns the parts of a block as one part, if they have one width.
func uniform(parts []part) (part, bool) {
	all := parts[0]
	for _, p := range parts[1:] {
		if p.width != all.width || p.bool != all.bool {
			return part{}, false
		}
		all.n += p.n
	}
	return all, true
}

// swap reverses the bytes of each number.
func swap(b []byte, parts []part, times int) {
	for range times {
		for _, p := range parts {
			if p.width == 1 {
				b = b[p.n:]
				continue
			}
			for range p.n {
				for i, j := 0, p.width-1; i < j; i, j = i+1, j-1 {
					b[i], b[j] = b[j], b[i]
				}
				b = b[p.width:]
			}
		}
	}
}

// falseBool returns the offset of the first bool that is neither 0 nor 1, and its part; -1 if there is none.
func falseBool(b []byte, parts []part, times int) (int, *part) {
	off := 0
	for range times {
		for i := range parts {
			p := &parts[i]
			if p.bool {
				for j, x := range b[off : off+p.n] {
					if x > 1 {
						return off + j, p
					}
				}
			}
			off += p.size()
		}
	}
	return -1, nil
}
