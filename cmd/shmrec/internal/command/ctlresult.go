package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
)

// printResult prints the fields of an object one on each line, topics as a table, and any other result as JSON.
func (a *app) printResult(result json.RawMessage) error {
	var fields map[string]json.RawMessage
	if len(result) == 0 || string(result) == "null" {
		return nil
	}
	if a.JSON || json.Unmarshal(result, &fields) != nil {
		return a.Document(result)
	}
	d := json.NewDecoder(bytes.NewReader(result))
	if _, err := d.Token(); err != nil { // the brace
		return err
	}
	var b strings.Builder
	var topics []record.TopicSummary
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if name == "topics" && json.Unmarshal(value, &topics) == nil {
			continue
		}
		label, figure := withUnit(fmt.Sprint(name), value)
		fmt.Fprintf(&b, "%s: %s\n", text.Escape(label), text.Escape(figure))
	}
	if err := printTopics(&b, topics, true); err != nil {
		return err
	}
	_, err := a.Stdout.Write([]byte(b.String()))
	return err
}

// withUnit returns what a person reads of a field. The end of its name says what a number is.
func withUnit(name string, value json.RawMessage) (label, figure string) {
	var s string
	if json.Unmarshal(value, &s) != nil {
		s = string(value)
	}
	var v float64
	if json.Unmarshal(value, &v) != nil {
		return strings.ReplaceAll(name, "_", " "), s
	}
	label = name
	size := func(v float64) string { return text.Bytes(uint64(max(v, 0))) }
	for _, unit := range []struct {
		suffix, label string
		format        func(float64) string
	}{
		{"_ns", "", func(v float64) string { return text.Duration(int64(v)) }},
		{"_hz", " rate", func(v float64) string { return text.Rate(v) + " Hz" }},
		{"_bytes_per_s", " bandwidth", text.Bandwidth},
		{"_bytes", "", size},
		{"bytes", "bytes", size},
	} {
		if of, ok := strings.CutSuffix(name, unit.suffix); ok {
			label, s = of+unit.label, unit.format(v)
			break
		}
	}
	return strings.ReplaceAll(label, "_", " "), s
}
