package command

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/dynamic"
)

// decodedShare is the part of the memory that a payload may take to be decoded.
const decodedShare = 16

// messageLines prints messages as lines of JSON.
type messageLines struct {
	w         *bufio.Writer
	converter dynamic.Converter
	largest   int // bytes of a payload that is decoded
	fields    []field
	table     *csv.Writer // nil = lines of JSON
	printed   int
	undecoded uint64
	first     error // why the first one was not decoded
}

func newMessageLines(stdout io.Writer, fields []field, largest int, asCSV bool) *messageLines {
	l := &messageLines{w: bufio.NewWriterSize(stdout, 64<<10), fields: fields, largest: largest}
	if asCSV {
		l.table = csv.NewWriter(l.w)
		l.printHeads()
	}
	return l
}

// flush writes what is buffered, and returns the first error of all writing.
func (l *messageLines) flush() error {
	if l.table != nil {
		l.table.Flush()
	}
	return l.w.Flush()
}

// A field is a part of the messages that is printed instead of the whole.
type field struct {
	text.Path
	found bool // in a message
}

// A messageHead is a line without the payload.
type messageHead struct {
	Time              time.Time `json:"time"` // of recording
	PublishTime       time.Time `json:"publish_time"`
	Topic             string    `json:"topic"`
	Type              string    `json:"type"`
	Encoding          string    `json:"encoding"`
	Publisher         string    `json:"publisher,omitempty"`
	Sequence          uint64    `json:"seq"`
	OriginalPublisher string    `json:"original_publisher,omitempty"`
	OriginalSequence  uint64    `json:"original_seq,omitempty"`
	Size              int       `json:"size"`
	Error             string    `json:"error,omitempty"` // why the payload is in base64
}

func (l *messageLines) print(m *record.Message) error {
	head := messageHead{
		Time: m.LogTime, PublishTime: m.PublishTime, Topic: m.Topic, Type: m.Type.Name, Encoding: m.Type.Encoding,
		Publisher: m.Publisher, Sequence: m.Sequence,
		OriginalPublisher: m.OriginalPublisher, OriginalSequence: m.OriginalSequence, Size: len(m.Payload),
	}
	l.printed++
	js, err := l.decode(m)
	if err != nil {
		head.Error = err.Error()
		if l.undecoded++; l.undecoded == 1 {
			l.first = fmt.Errorf("topic %.300q, sequence %d: %w", m.Topic, m.Sequence, err)
		}
	}
	var parts []json.RawMessage
	if js != nil && len(l.fields) > 0 {
		parts = l.find(js)
	}
	if l.table != nil {
		return l.printRow(&head, parts)
	}
	line, err := marshalHead(&head)
	if err != nil {
		return err
	}
	l.w.Write(line) // an error stays until Flush
	switch {
	case js == nil:
		l.writeBytes(m.Payload)
	case parts != nil:
		l.writeFields(parts)
	default:
		l.w.WriteString(`,"data":`)
		l.w.Write(text.EscapeJSON(js))
	}
	_, err = l.w.WriteString("}\n")
	return err
}

// marshalHead returns the head as JSON without its closing brace.
func marshalHead(head *messageHead) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(head); err != nil {
		return nil, err
	}
	return text.EscapeJSON(bytes.TrimSuffix(b.Bytes(), []byte("}\n"))), nil
}

// writeBytes writes a payload without holding all of it as text.
func (l *messageLines) writeBytes(payload []byte) {
	l.w.WriteString(`,"base64":"`)
	e := base64.NewEncoder(base64.StdEncoding, l.w)
	e.Write(payload)
	e.Close()
	l.w.WriteByte('"')
}

// decode returns the payload as JSON on one line, or nil for payloads that have none.
func (l *messageLines) decode(m *record.Message) (json.RawMessage, error) {
	switch {
	case m.Type.Encoding == serde.EncodingRaw:
		return nil, nil
	case len(m.Payload) > l.largest && dynamic.Supports(m.Type.Encoding):
		return nil, fmt.Errorf("the payload has %d bytes, of which no more than %d are decoded; allow more (--memory)", len(m.Payload), l.largest)
	}
	js, err := l.converter.ToJSON(m.Type, m.Payload)
	if err != nil || bytes.IndexByte(js, '\n') < 0 {
		return js, err
	}
	var b bytes.Buffer
	err = json.Compact(&b, js)
	return b.Bytes(), err
}
