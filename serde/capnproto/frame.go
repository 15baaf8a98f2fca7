package capnproto

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Limits of the library for the framing of a message.
const (
	maxSegments = 512
	maxSegment  = 1<<32 - 8 // bytes
)

const wordSize = 8 // bytes

// headerSize is the number of bytes in front of n segments.
func headerSize(n int) int { return (4 + 4*n + 7) &^ 7 }

// split appends the segments of a payload in place to dst. It reads each byte of the framing once.
func split(payload []byte, dst [][]byte) ([][]byte, error) {
	if len(payload) < headerSize(1) {
		return dst, fmt.Errorf("the payload has %d bytes, fewer than the framing", len(payload))
	}
	last := binary.LittleEndian.Uint32(payload)
	if last >= maxSegments {
		return dst, fmt.Errorf("at byte 0: %d segments are more than %d", uint64(last)+1, maxSegments)
	}
	n := int(last) + 1
	if len(payload) < headerSize(n) {
		return dst, fmt.Errorf("the payload has %d bytes, fewer than the framing of %d segments", len(payload), n)
	}
	rest := payload[headerSize(n):]
	for i := range n {
		at := 4 + 4*i
		size := wordSize * uint64(binary.LittleEndian.Uint32(payload[at:]))
		if size > uint64(len(rest)) || size > maxSegment {
			return dst, fmt.Errorf("at byte %d: segment %d has %d bytes, and %d are left", at, i, size, len(rest))
		}
		if i == 0 && size == 0 {
			return dst, fmt.Errorf("at byte %d: the first segment is empty", at)
		}
		dst = append(dst, rest[:size:size])
		rest = rest[size:]
	}
	if len(rest) > 0 {
		return dst, fmt.Errorf("at byte %d: %w", len(payload)-len(rest), errTrailing)
	}
	return dst, nil
}

// appendHeader appends the framing of segments with these lengths.
func appendHeader(dst []byte, n int, size func(i int) int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n-1))
	for i := range n {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(size(i)/wordSize))
	}
	if n%2 == 0 {
		dst = append(dst, 0, 0, 0, 0)
	}
	return dst
}

var errTrailing = errors.New("bytes follow the message")
