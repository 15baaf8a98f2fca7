package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/serde"
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

// lacking returns the error of a command whose rows all lack a field, or nil if it has printed none.
func (a *app) lacking(what string) error {
	printed := slices.ContainsFunc(a.fields, func(f field) bool { return f.found || f.missing != nil })
	if missing := a.missingFields(what); printed && len(missing) > 0 {
		return cli.Lossyf("%s", strings.Join(missing, "; "))
	}
	return nil
}

// checkFieldNames refuses fields that no row of a command has. like is a row.
func (a *app) checkFieldNames(cmd *cobra.Command, like any) error {
	js, err := json.Marshal(like)
	if err != nil {
		return err
	}
	columns, err := members(js)
	if err != nil {
		return err
	}
	for _, f := range a.fields {
		first := ""
		for first = range f.Steps() {
			break
		}
		if !slices.ContainsFunc(columns, func(c column) bool { return c.name == first }) {
			names := make([]string, len(columns))
			for i, c := range columns {
				names[i] = c.name
			}
			return cli.Usagef(cmd, "--field %s: there is no field %.100q; there are %s", f.String(), first, strings.Join(names, ", "))
		}
	}
	return nil
}

// checkFieldsOf refuses fields below "data" that no value of any of the types has, as far as their schemas tell.
func (a *app) checkFieldsOf(cmd *cobra.Command, types ...serde.Type) error {
	for _, f := range a.fields {
		var wrong error
		for _, t := range types {
			wrong = cli.Await(cmd.Context(), func() error { return fieldOf(t, f.Path) }) // the schema is another process's
			if wrong == nil {
				break
			}
		}
		if wrong != nil {
			return cli.Usagef(cmd, "--field %s: %w", f.String(), wrong)
		}
	}
	return nil
}

// fieldOf returns an error if the schema of a type says that its values have no such field below "data".
func fieldOf(t serde.Type, p text.Path) error {
	if t.SchemaEncoding != "jsonschema" {
		return nil
	}
	schema, err := compile(t.Schema)
	if err != nil {
		return nil // another process's schema; the value may have the field all the same
	}
	all, at, below := []*jsonschema.Schema{schema}, "", false
	for name, i := range p.Steps() {
		s := shapeOf(all)
		switch {
		case !below && name != "data":
			return nil
		case !below:
			below = true
			continue
		case i >= 0:
			all, name = s.elementsAt(i), strconv.Itoa(i)
		default:
			all = s.schemasOf(name)
			if all == nil && s.isClosed() {
				return s.unknown(at, name)
			}
		}
		at = joined(at, name)
	}
	return nil
}
