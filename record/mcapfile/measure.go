package mcapfile

import (
	"encoding/binary"

	"github.com/foxglove/mcap/go/mcap"
)

// measure returns the length of the record at pos according to its fields, without its head and without fields that a later
// version of the format may append. It fails for a record with more fields than bytes and for unknown records. The record
// must fit into the file.
func (w *window) measure(pos int64, op mcap.OpCode, length uint64) (need uint64, ok bool) {
	m := measurement{file: w, pos: pos + recordHead, length: length}
	switch op {
	case mcap.OpHeader:
		m.text().text()
	case mcap.OpFooter:
		m.fixed(8 + 8 + 4)
	case mcap.OpSchema:
		m.fixed(2).text().text().text()
	case mcap.OpChannel:
		m.fixed(2 + 2).text().text().text()
	case mcap.OpMessage:
		m.fixed(messageHead)
		m.need = max(m.need, length) // the payload is the rest
	case mcap.OpChunk:
		m.fixed(8 + 8 + 8 + 4).text().data()
	case mcap.OpMessageIndex:
		m.fixed(2).text()
	case mcap.OpChunkIndex:
		m.fixed(8 + 8 + 8 + 8).text().fixed(8).text().fixed(8 + 8)
	case mcap.OpAttachment:
		m.fixed(8 + 8).text().text().data().fixed(4)
	case mcap.OpAttachmentIndex:
		m.fixed(8 + 8 + 8 + 8 + 8).text().text()
	case mcap.OpStatistics:
		m.fixed(8 + 2 + 4 + 4 + 4 + 4 + 8 + 8).text()
	case mcap.OpMetadata:
		m.text().text()
	case mcap.OpMetadataIndex:
		m.fixed(8 + 8).text()
	case mcap.OpSummaryOffset:
		m.fixed(1 + 8 + 8)
	case mcap.OpDataEnd:
		m.fixed(4)
	default:
		return 0, false
	}
	return m.need, !m.over
}

// A measurement adds up fields and reads their lengths.
type measurement struct {
	file   *window
	pos    int64 // of the first field
	length uint64
	need   uint64
	over   bool // the record has more fields than bytes
}

func (m *measurement) fixed(n uint64) *measurement {
	if m.over = m.over || n > m.length-m.need; !m.over {
		m.need += n
	}
	return m
}

// text adds a field with a length of 4 bytes, data one with a length of 8 bytes.
func (m *measurement) text() *measurement { return m.lengthOf(4) }
func (m *measurement) data() *measurement { return m.lengthOf(8) }

func (m *measurement) lengthOf(width uint64) *measurement {
	at := m.need
	if m.fixed(width); m.over {
		return m
	}
	b, err := m.file.at(m.pos+int64(at), width)
	if err != nil {
		m.over = true
		return m
	}
	if width == 4 {
		return m.fixed(uint64(binary.LittleEndian.Uint32(b)))
	}
	return m.fixed(binary.LittleEndian.Uint64(b))
}
