package mcapfile

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
)

// channelRecord declares a channel without a schema.
func channelRecord(id uint16, topic string) []byte {
	b := append(binary.LittleEndian.AppendUint16(nil, id), 0, 0)
	return record(mcap.OpChannel, append(appendText(appendText(b, topic), "raw"), 0, 0, 0, 0))
}

// messageRecord is a message at a time, which is also its sequence number.
func messageRecord(channel uint16, at uint64, data []byte) []byte {
	return appendMessage(nil, channel, &Message{Sequence: uint32(at), LogTime: at, PublishTime: at, Data: data})
}

// The payload of a damaged chunk has what resembles a record, and reaches further than the bytes that are searched at once.
func TestReader_DamageBeforeWhatResemblesARecord(t *testing.T) {
	decoy := appendText(binary.LittleEndian.AppendUint64([]byte{byte(mcap.OpMetadata)}, 200_000), "")
	binary.LittleEndian.PutUint32(decoy[recordHead:], 100_000)
	const chunks = 300
	for _, payload := range [][]byte{nil, decoy} {
		file := slices.Clone(mcap.Magic)
		for i := range uint64(chunks) {
			b := make([]byte, 900)
			records := messageRecord(1, i, b)
			switch i {
			case 0:
				records = append(channelRecord(1, "a"), records...)
			case 3:
				records = messageRecord(1, i, append(payload, b...))
			}
			chunk := chunkRecord("", uint64(len(records)), 0, records)
			if i == 3 {
				binary.LittleEndian.PutUint64(chunk[1:], 1<<60)
			}
			file = append(file, chunk...)
		}
		lines, errs := readAllOf(t, file, nil)
		if len(lines) != chunks-1 {
			t.Errorf("with %d bytes that resemble a record: %d messages, want %d; %v", len(payload), len(lines), chunks-1, errs)
		}
	}
}

// Each of many heads of messages claims the same bytes, and each time what follows them is damaged.
func TestReader_HeadsThatClaimTheSameBytes(t *testing.T) {
	const heads, length = 1000, 100_000
	file := append(slices.Clone(mcap.Magic), channelRecord(1, "a")...)
	begin := len(file)
	for i := range uint64(heads) {
		head := messageRecord(1, i, nil)
		binary.LittleEndian.PutUint64(head[1:], length)
		file = append(file, head...)
	}
	file = append(file, bytes.Repeat([]byte{0xff}, recordHead+length-(len(file)-begin))...)
	for range heads {
		file = append(file, record(0x20, bytes.Repeat([]byte{0xff}, 13))...)
		file = append(file, bytes.Repeat([]byte{0xff}, 9)...)
	}
	lines, errs := readAllOf(t, append(file, 0xff), nil)
	total := 0
	for _, l := range lines {
		total += len(l.Data)
	}
	if total == 0 || total > 2*len(file) || len(errs) == 0 {
		t.Errorf("%d messages of %d bytes from %d; %v", len(lines), total, len(file), errs)
	}
}
