package command

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/protobuf"
)

// schemaOf returns the type of the first publisher of a topic that announces a schema, or else of the first subscription, and how many
// publishers and subscriptions announce another schema.
func schemaOf(t watch.Topic) (kind serde.Type, others int) {
	var all []registry.Endpoint
	for _, p := range t.Publishers {
		all = append(all, p.Endpoint)
	}
	for _, s := range t.Subscribers {
		all = append(all, s.Endpoint)
	}
	for _, e := range all {
		switch {
		case len(e.Schema) == 0:
		case len(kind.Schema) == 0:
			kind = endpointType(e)
		case e.SchemaEncoding != kind.SchemaEncoding || !bytes.Equal(e.Schema, kind.Schema):
			others++
		}
	}
	return kind, others
}

func endpointType(e registry.Endpoint) serde.Type {
	return serde.Type{Name: e.TypeName, Encoding: e.Encoding, SchemaEncoding: e.SchemaEncoding, Schema: e.Schema}
}

// A schemaReport is the schema of a topic in JSON.
type schemaReport struct {
	Topic          string `json:"topic"`
	Type           string `json:"type"`
	Encoding       string `json:"encoding"`
	SchemaEncoding string `json:"schema_encoding"`
	Schema         string `json:"schema,omitempty"` // a text
	Base64         []byte `json:"base64,omitempty"` // any other
}

// printSchema prints the schema of a topic: text as it is, protobuf as a list of fields, any other in base64.
func (a *app) printSchema(t watch.Topic) error {
	kind, others := schemaOf(t)
	if len(kind.Schema) == 0 {
		return fmt.Errorf("no publisher or subscription of %q announces a schema; the encoding is %q", t.Name, t.Encoding)
	}
	if others > 0 {
		fmt.Fprintf(a.Stderr, "other schemas are announced by %s of the topic\n", text.Many(others, "endpoint"))
	}
	isText := utf8.Valid(kind.Schema) && bytes.IndexByte(kind.Schema, 0) < 0 && kind.SchemaEncoding != protobuf.Encoding
	switch {
	case a.JSON:
		r := schemaReport{Topic: t.Name, Type: kind.Name, Encoding: kind.Encoding, SchemaEncoding: kind.SchemaEncoding}
		if isText {
			r.Schema = string(kind.Schema)
		} else {
			r.Base64 = kind.Schema
		}
		return a.Document(r)
	case isText:
		_, err := io.WriteString(a.Stdout, escapeText(string(kind.Schema)))
		return err
	case kind.SchemaEncoding == protobuf.Encoding:
		list, err := listProtobuf(kind)
		if err == nil {
			_, err = io.WriteString(a.Stdout, list)
			return err
		}
		fmt.Fprintln(a.Stderr, err)
	}
	fmt.Fprintf(a.Stderr, "the schema, of encoding %q, is binary and printed in base64\n", kind.SchemaEncoding)
	_, err := fmt.Fprintln(a.Stdout, base64.StdEncoding.EncodeToString(kind.Schema))
	return err
}

// escapeText escapes all of a text but its line ends and tabs. The result ends with a line end.
func escapeText(s string) string {
	lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(s, "\r\n", "\n"), "\n"), "\n")
	for i, line := range lines {
		cells := strings.Split(line, "\t")
		for j := range cells {
			cells[j] = text.Escape(cells[j])
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.Join(lines, "\n") + "\n"
}
