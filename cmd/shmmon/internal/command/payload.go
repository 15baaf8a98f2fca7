package command

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/serde"
)

const (
	shortText = 300  // bytes of a decoded payload that are shown whatever is in it
	longText  = 1000 // bytes of an abbreviated one
	shortHex  = 64   // bytes of any other
)

// A fieldError says that a payload was decoded and lacks the field that is to be shown.
type fieldError struct{ error }

// decode shows a payload, or one field of it, as one line of JSON. Without an error nil means that the encoding is not one that can be
// shown so.
func (a *app) decode(t serde.Type, payload []byte) (json.RawMessage, error) {
	js, err := a.payloads.ToJSON(t, payload)
	if errors.Is(err, serde.ErrUndecodable) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if a.field != nil {
		if js, err = a.field.Find(js); err != nil {
			return nil, &fieldError{err}
		}
	}
	var b bytes.Buffer
	if err := json.Compact(&b, js); err != nil {
		return nil, err
	}
	return text.EscapeJSON(b.Bytes()), nil
}

// show writes a payload for people.
func (a *app) show(t serde.Type, payload []byte, full bool) string {
	js, err := a.decode(t, payload)
	if err == nil && js != nil {
		s := string(js)
		if !full && len(s) > shortText {
			if short := abbreviate(s, longText); short != s {
				return fmt.Sprintf("%s (%s, --full shows all)", short, text.Bytes(uint64(len(payload))))
			}
		}
		return s
	}
	if errors.As(err, new(*fieldError)) {
		return fmt.Sprintf("- (%s)", text.Escape(err.Error()))
	}
	note := ""
	if err != nil {
		note = fmt.Sprintf(" (%s)", text.Escape(err.Error()))
	}
	if len(payload) == 0 {
		return "empty" + note
	}
	if !full && len(payload) > shortHex {
		return fmt.Sprintf("hex % x… (%s, --full shows all)%s", payload[:shortHex], text.Bytes(uint64(len(payload))), note)
	}
	return fmt.Sprintf("hex % x%s", payload, note)
}

// A payloadReport is a payload in JSON: decoded, or else in hex.
type payloadReport struct {
	Data      json.RawMessage `json:"data,omitempty"`
	Hex       *string         `json:"hex,omitempty"`
	Truncated bool            `json:"truncated,omitempty"` // hex is only the beginning
	Error     string          `json:"error,omitempty"`     // why a payload of a known encoding is shown in hex, or has no such field
}

func (a *app) reportPayload(t serde.Type, payload []byte, full bool) payloadReport {
	js, err := a.decode(t, payload)
	if err == nil && js != nil {
		return payloadReport{Data: js}
	}
	var r payloadReport
	if err != nil {
		r.Error = err.Error()
	}
	if errors.As(err, new(*fieldError)) {
		return r
	}
	if !full && len(payload) > shortHex {
		payload, r.Truncated = payload[:shortHex], true
	}
	s := hex.EncodeToString(payload)
	r.Hex = &s
	return r
}
