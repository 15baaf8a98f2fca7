package mcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/foxglove/mcap/go/mcap"
)

// outside moves to the next record of the file. If it is invalid, outside moves to a valid record after the damage.
func (r *Reader) outside() (mcap.OpCode, error) {
	at := r.pos
	r.seek(at)
	r.at = position{off: at}
	if r.file.left(at) == 0 {
		return 0, &TruncatedError{Offset: at, Reason: "it has no end record"}
	}
	if r.part.tail == 0 {
		if err := r.part.sum.update(&r.file, at); err != nil {
			return 0, shrunk(at, err)
		}
	}
	op, err := r.nextOfFile()
	reason := ""
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && r.file.left(at) < recordHead:
		return 0, &TruncatedError{Offset: at, Reason: "a record is cut off"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		reason = "a " + op.String() + " record is cut off"
	case err != nil:
		return 0, err
	case op == mcap.OpReserved:
		reason = "zeros follow"
	default:
		need, ok := r.file.measure(at, op, r.rest)
		switch {
		case op == mcap.OpMessage:
			r.part.suspect = at // the payload is the rest of the record, so any length is valid
		case ok && need == r.rest:
			r.part.suspect = 0
		case r.part.suspect == 0:
			r.part.suspect = at
		case !r.follows(r.pos): // the length of the previous record may be wrong, so that no record begins here
			reason = "a record does not fit"
		}
	}
	if reason == "" {
		return op, nil
	}
	return r.resync(at, reason)
}

// follows reports whether a record may begin at pos.
func (r *Reader) follows(pos int64) bool {
	if r.file.left(pos) == 0 {
		return true
	}
	head, err := r.file.at(pos, recordHead)
	if err != nil {
		return false
	}
	op, length := mcap.OpCode(head[0]), binary.LittleEndian.Uint64(head[1:])
	if op == mcap.OpReserved || length > r.file.left(pos+recordHead) {
		return false
	}
	if !known(op) {
		return true
	}
	need, ok := r.file.measure(pos, op, length)
	return ok && need <= length
}

// resync continues after a position without a valid record.
func (r *Reader) resync(at int64, reason string) (mcap.OpCode, error) {
	if is, err := r.isMagic(at); err != nil {
		return 0, shrunk(at, err)
	} else if is && at > r.part.base {
		r.stats.Closed = false
		r.begin(at)
		return 0, &InvalidRecordError{Offset: at, Record: "the recording before the one", Err: errors.New("it was not closed")}
	}
	from := at
	// Each record in the bytes that are read again could have them read again: files of a few megabytes would have terabytes of messages.
	if again := r.again + at - r.part.suspect; r.part.suspect > 0 && again <= r.file.size {
		from, r.again = r.part.suspect, again
	}
	r.seek(at)
	if r.salvages && r.isCutChunk(at) {
		r.beginCut(at, r.file.size)
		return mcap.OpChunk, nil
	}
	to, found, err := r.nextSound(from)
	if err != nil {
		return 0, shrunk(at, err)
	}
	if !found {
		return 0, &TruncatedError{Offset: at, Reason: reason}
	}
	r.part.suspect = 0
	r.seek(to)
	return 0, &InvalidRecordError{Offset: from, Record: "a record", Err: fmt.Errorf("%s; reading goes on at byte %d", reason, to)}
}

// shrunk makes an error final: a file that became shorter during reading ends here.
func shrunk(at int64, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &TruncatedError{Offset: at, Reason: "it got shorter while it was read"}
	}
	return err
}

// nextSound returns the position of the next record after the one at from: one that the index names, or else a valid one.
func (r *Reader) nextSound(from int64) (int64, bool, error) {
	r.readIndex()
	if to, ok := r.part.index.behind(from); ok && r.part.index.chunks && r.part.tail == 0 {
		return to, true, nil
	}
	scan := window{src: r.file.src, size: r.file.size} // of its own: sound reads elsewhere
	defer func(least uint64) { r.file.least = least }(r.file.least)
	r.file.least = headsAtOnce
	for at := from + 1; scan.left(at) >= recordHead; {
		b, err := scan.some(at, scan.left(at))
		if err == nil && len(b) < recordHead {
			b, err = scan.at(at, recordHead)
		}
		if err != nil {
			return 0, false, err
		}
		for len(b) >= recordHead {
			op, length := mcap.OpCode(b[0]), binary.LittleEndian.Uint64(b[1:])
			if known(op) && length <= r.file.left(at+recordHead) && r.sound(at, op, length) {
				return at, true, nil
			}
			at++
			b = b[1:]
		}
	}
	return 0, false, nil
}

// sound reports whether the bytes are a record of the file, as opposed to bytes that resemble one.
func (r *Reader) sound(at int64, op mcap.OpCode, length uint64) bool {
	loose := op == mcap.OpMessage || op == mcap.OpSchema || op == mcap.OpChannel
	if loose && (r.part.chunked || r.part.tail > 0) {
		return false // such records are in chunks; those of an uncompressed damaged chunk are visible here
	}
	if op == mcap.OpHeader || r.part.tail > 0 && op != mcap.OpFooter {
		return false
	}
	if need, ok := r.file.measure(at, op, length); !ok || need != length {
		return false
	}
	if op == mcap.OpMessage {
		b, err := r.file.at(at+recordHead, 2)
		if err != nil || r.part.defs.channels[binary.LittleEndian.Uint16(b)] == nil {
			return false
		}
	}
	next := at + recordHead + int64(length)
	if op == mcap.OpFooter {
		is, err := r.isMagic(next)
		return err == nil && is
	}
	return r.file.left(next) > 0 && r.follows(next)
}

// known reports whether the format defines the record type.
func known(op mcap.OpCode) bool { return op >= mcap.OpHeader && op <= mcap.OpDataEnd }

// An index holds the positions of the chunks, attachments and metadata of a part, and the end of its messages.
type index struct {
	offsets []int64
	chunks  bool // the part has chunks; otherwise messages are outside of chunks and not indexed
}

func (i *index) behind(pos int64) (int64, bool) {
	at, found := slices.BinarySearch(i.offsets, pos)
	if found {
		at++
	}
	if at == len(i.offsets) {
		return 0, false
	}
	return i.offsets[at], true
}
