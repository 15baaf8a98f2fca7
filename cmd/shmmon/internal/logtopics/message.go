// Package logtopics reads what programs log: messages of package slogtopic, and those on any topic of type rcl_interfaces/msg/Log or
// foxglove.Log.
//
// Texts come from other processes and must be escaped for a terminal.
package logtopics

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/dynamic"
)

// Is reports whether a publisher announces a type of log messages.
func Is(e registry.Endpoint) bool {
	return e.Kind == registry.KindPublisher && (e.TypeName == "rcl_interfaces/msg/Log" || e.TypeName == "foxglove.Log")
}

// Of returns the topics of logs that the participants publish, sorted.
func Of(all []registry.Participant) (names []string) {
	for _, p := range all {
		for _, e := range p.Endpoints {
			if Is(e) {
				names = append(names, e.Topic)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Levels are the levels of logs, from the least on. Level 10 is the first, 20 the second and so on.
func Levels() []string { return []string{"debug", "info", "warn", "error", "fatal"} }

// A Message is what a program logged.
type Message struct {
	Level string // of Levels
	Name  string // of the logger
	Text  string
	Where string // file and line; empty if they are not known
}

// Decode decodes a message of one of the types of Is.
func Decode(convert *dynamic.Converter, kind serde.Type, payload []byte) (Message, error) {
	js, err := convert.ToJSON(kind, payload)
	if err != nil {
		return Message{}, err
	}
	var m struct {
		Level        any
		Name, File   string
		Msg, Message string
		Line         json.Number
	}
	if err := json.Unmarshal(js, &m); err != nil {
		return Message{}, errors.New("its fields are not those of a log")
	}
	decoded := Message{Level: levelOf(m.Level), Name: m.Name, Text: m.Msg + m.Message}
	if m.File != "" {
		decoded.Where = m.File + ":" + m.Line.String()
	}
	return decoded, nil
}

// levelOf finds the level that a number or the name of an enum means.
func levelOf(v any) string {
	all := Levels()
	number := 0.0
	switch v := v.(type) {
	case string:
		number, _ = strconv.ParseFloat(v, 64)
		for i, name := range all {
			if strings.EqualFold(name, v) || name == "warn" && strings.EqualFold(v, "warning") {
				number = float64(i + 1)
			}
		}
	case float64:
		number = v
	}
	if number >= 10 {
		number /= 10
	}
	if !(number >= 1) { // also NaN, which an index cannot be made of
		number = 1
	}
	return all[int(min(number, float64(len(all))))-1]
}
