package command

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/dynamic"
)

const (
	shortText = 300  // bytes of a decoded payload that are shown whatever is in it
	longText  = 1000 // bytes of an abbreviated one
	shortHex  = 64   // bytes of any other
)

// decode converts a payload, or the fields of it that are to be shown, to JSON on one line each. Without an error nil means that the
// encoding is raw or unknown.
func (a *app) decode(t serde.Type, payload []byte) ([]json.RawMessage, error) {
	js, err := a.payloads.ToJSON(t, payload)
	if errors.Is(err, serde.ErrUndecodable) && !dynamic.Supports(t.Encoding) {
		return nil, nil
	}
	if err != nil {
		if a.undecoded++; a.firstError == nil {
			a.firstError = err
		}
		return nil, err
	}
	parts, err := a.find(js)
	if err != nil {
		return nil, err
	}
	for i, part := range parts {
		if part == nil {
			continue
		}
		var b bytes.Buffer
		if err := json.Compact(&b, part); err != nil {
			return nil, err
		}
		parts[i] = text.EscapeJSON(b.Bytes())
	}
	return parts, nil
}

// show writes a payload for people.
func (a *app) show(t serde.Type, payload []byte, full bool) string {
	parts, err := a.decode(t, payload)
	if err == nil && parts != nil {
		return showParts(parts, len(payload), full)
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

// showParts writes the parts of a payload of size bytes, separated by tabs.
func showParts(parts []json.RawMessage, size int, full bool) string {
	shown := make([]string, len(parts))
	length := 0
	for i, part := range parts {
		if shown[i] = string(part); part == nil {
			shown[i] = "-"
		}
		length += len(shown[i])
	}
	all := strings.Join(shown, "\t")
	if full || length <= shortText {
		return all
	}
	for i, part := range parts {
		if part != nil {
			shown[i] = abbreviate(shown[i], longText/len(parts))
		}
	}
	if short := strings.Join(shown, "\t"); short != all {
		return fmt.Sprintf("%s (%s, --full shows all)", short, text.Bytes(uint64(size)))
	}
	return all
}

// A payloadReport is a payload in JSON: decoded, or else in hex.
type payloadReport struct {
	Data      json.RawMessage `json:"data,omitempty"`
	Hex       *string         `json:"hex,omitempty"`
	Truncated bool            `json:"truncated,omitempty"` // hex is only the beginning
	Error     string          `json:"error,omitempty"`     // why a payload of a known encoding is shown in hex, or has no such field
}

func (a *app) reportPayload(t serde.Type, payload []byte, full bool) payloadReport {
	parts, err := a.decode(t, payload)
	if err == nil && parts != nil {
		return payloadReport{Data: a.join(parts)}
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
