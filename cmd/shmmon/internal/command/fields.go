package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// A field is a part of the messages that is shown instead of the whole.
type field struct {
	text.Path
	found   bool  // in a message
	missing error // what the first message that lacks it has instead
}

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

// A fieldError says that a payload was decoded and lacks the only field that is to be shown.
type fieldError struct{ error }

// find returns the fields of a decoded message in the order of the flags, each nil if the message lacks it. Without flags the whole
// message is the only field.
func (a *app) find(js json.RawMessage) ([]json.RawMessage, error) {
	if len(a.fields) == 0 {
		return []json.RawMessage{js}, nil
	}
	parts := make([]json.RawMessage, len(a.fields))
	for i := range a.fields {
		f := &a.fields[i]
		part, err := f.Find(js)
		switch {
		case err == nil:
			parts[i], f.found = part, true
			continue
		default:
			f.lack(err)
		}
		if len(a.fields) == 1 {
			return nil, &fieldError{err}
		}
	}
	return parts, nil
}

// join makes one JSON value of the parts of a message. Several fields are members of an object, null if the message lacks them.
func (a *app) join(parts []json.RawMessage) json.RawMessage {
	if len(parts) == 1 {
		return parts[0]
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, part := range parts {
		if i > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(a.fields[i].String()) // text always has a JSON form
		b.Write(text.EscapeJSON(name))
		b.WriteByte(':')
		if part == nil {
			part = json.RawMessage("null")
		}
		b.Write(part)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// lack notes the first error of a message or row without the field.
func (f *field) lack(err error) {
	if f.missing == nil {
		f.missing = errors.Unwrap(err) // without the name of the field
	}
}

// missingFields says which fields no message, or row, has, one entry for each.
func (a *app) missingFields(what string) (missing []string) {
	for _, f := range a.fields {
		switch {
		case f.found:
		case f.missing != nil:
			missing = append(missing, fmt.Sprintf("no %s that was printed has a field %s: %v", what, f.String(), f.missing))
		default:
			missing = append(missing, fmt.Sprintf("no %s that was printed has a field %s: none was decoded", what, f.String()))
		}
	}
	return missing
}
