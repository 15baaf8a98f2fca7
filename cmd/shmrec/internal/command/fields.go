package command

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
)

// errColumns says what --csv needs.
var errColumns = errors.New("--csv prints columns, not JSON: name each field with --field, for example --field pose.position.x")

// parseFields parses the paths of fields.
func parseFields(paths []string) (fields []field, err error) {
	for _, s := range paths {
		p, err := text.ParsePath(s)
		if err != nil {
			return nil, err
		}
		fields = append(fields, field{Path: p})
	}
	return fields, nil
}

// find returns the fields of a decoded message, each nil if the message lacks it.
func (l *messageLines) find(js json.RawMessage) []json.RawMessage {
	parts := make([]json.RawMessage, len(l.fields))
	for i := range l.fields {
		if part, err := l.fields[i].Find(js); err == nil {
			parts[i], l.fields[i].found = part, true
		}
	}
	return parts
}

// writeFields writes fields as members of an object. Those that the message lacks are null.
func (l *messageLines) writeFields(parts []json.RawMessage) {
	l.w.WriteString(`,"data":{`)
	for i, part := range parts {
		if i > 0 {
			l.w.WriteByte(',')
		}
		name, _ := json.Marshal(l.fields[i].String()) // text always has a JSON form
		l.w.Write(text.EscapeJSON(name))
		l.w.WriteByte(':')
		if part == nil {
			part = json.RawMessage("null")
		}
		l.w.Write(text.EscapeJSON(part))
	}
	l.w.WriteByte('}')
}

// printHeads prints the names of the columns.
func (l *messageLines) printHeads() {
	row := []string{"time", "publish_time", "topic", "seq"}
	for _, f := range l.fields {
		row = append(row, text.Escape(f.String()))
	}
	l.table.Write(row)
}

// printRow prints a message as a row. Fields that the message lacks are empty.
func (l *messageLines) printRow(head *messageHead, parts []json.RawMessage) error {
	row := []string{head.Time.Format(time.RFC3339Nano), head.PublishTime.Format(time.RFC3339Nano), text.Escape(head.Topic), strconv.FormatUint(head.Sequence, 10)}
	for i := range l.fields {
		cell := ""
		if parts != nil {
			cell = cellOf(parts[i])
		}
		row = append(row, cell)
	}
	return l.table.Write(row)
}

// cellOf is text without its quotes, and everything else as JSON.
func cellOf(js json.RawMessage) string {
	var s string
	if len(js) > 0 && js[0] == '"' && json.Unmarshal(js, &s) == nil {
		return text.Escape(s)
	}
	return string(text.EscapeJSON(js))
}

// missing returns an error that names the fields that no message has.
func (l *messageLines) missing(path string) error {
	for _, f := range l.fields {
		if !f.found && l.printed > 0 {
			return cli.Lossyf("%s: no message that was printed has a field %s", path, f.String())
		}
	}
	return nil
}
