package registry

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/process"
)

var native = binary.NativeEndian

// A header is the constant part of the first page of a participant file.
type header struct {
	id    ID
	self  process.Identity
	unit  string
	since int64
}

// put writes the header into an empty page. The caller has checked the texts.
func (h *header) put(b []byte) {
	exec, unit := []byte(h.self.Executable), []byte(h.unit)
	copy(b[offMagic:], participantMagic)
	native.PutUint32(b[offVersion:], layoutVersion)
	native.PutUint32(b[offPID:], uint32(h.self.PID))
	native.PutUint64(b[offID:], uint64(h.id))
	native.PutUint64(b[offStartTime:], h.self.StartTime)
	copy(b[offBootID:], h.self.BootID[:])
	native.PutUint64(b[offSince:], uint64(h.since))
	native.PutUint64(b[offPIDNamespace:], h.self.Namespace)
	native.PutUint16(b[offExecLength:], uint16(len(exec)))
	native.PutUint16(b[offUnitLength:], uint16(len(unit)))
	text := b[offText:]
	copy(text[copy(text, exec):], unit)
	native.PutUint32(b[offHeaderCRC:], checksum(b[:offHeaderCRC], text[:len(exec)+len(unit)]))
}

// parseHeader parses and checks the first page of the participant file of id at path.
func parseHeader(b []byte, path string, id ID) (*header, error) {
	bad := func(format string, a ...any) error {
		return &errdefs.CorruptError{Path: path, What: fmt.Sprintf(format, a...)}
	}
	if len(b) < pageSize {
		return nil, bad("it ends after %d bytes, inside the header", len(b))
	}
	if err := checkVersion(b, path, participantMagic); err != nil {
		return nil, err
	}
	exec, unit := int(native.Uint16(b[offExecLength:])), int(native.Uint16(b[offUnitLength:]))
	if exec > maxExecutable || unit > MaxName {
		return nil, bad("the header announces texts of %d and %d bytes", exec, unit)
	}
	text := b[offText : offText+exec+unit]
	if sum := checksum(b[:offHeaderCRC], text); sum != native.Uint32(b[offHeaderCRC:]) {
		return nil, bad("the checksum of the header is wrong")
	}
	h := &header{
		id: ID(native.Uint64(b[offID:])),
		self: process.Identity{
			PID:        int(int32(native.Uint32(b[offPID:]))),
			Namespace:  native.Uint64(b[offPIDNamespace:]),
			StartTime:  native.Uint64(b[offStartTime:]),
			BootID:     [16]byte(b[offBootID:]),
			Executable: string(text[:exec]),
		},
		unit:  string(text[exec:]),
		since: int64(native.Uint64(b[offSince:])),
	}
	switch {
	case h.id != id || id == 0:
		return nil, bad("it is the file of participant %v", h.id)
	case h.self.PID <= 0:
		return nil, bad("the process id is %d", h.self.PID)
	case !utf8.ValidString(h.self.Executable):
		return nil, bad("the path of the executable is not valid UTF-8")
	}
	if err := checkUnit(h.unit); err != nil {
		return nil, &errdefs.CorruptError{Path: path, What: "the header", Err: err}
	}
	return h, nil
}

// checkVersion checks the magic and the layout version, with which every shared file begins.
func checkVersion(b []byte, path, magic string) error {
	if string(b[offMagic:offMagic+len(magic)]) != magic {
		return &errdefs.CorruptError{Path: path, What: fmt.Sprintf("it does not begin with %q", magic)}
	}
	if v := native.Uint32(b[offVersion:]); v != layoutVersion {
		return &errdefs.VersionError{Path: path, Found: v, Known: layoutVersion}
	}
	return nil
}

func (h *header) participant() Participant {
	return Participant{
		ID: h.id, PID: h.self.PID, StartTime: h.self.StartTime, BootID: h.self.BootID,
		Executable: h.self.Executable, Unit: h.unit, Since: clock.Stamp(h.since),
	}
}
