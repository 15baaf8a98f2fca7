package cdr

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/serde/internal/jsontext"
)

// parseSchema parses the text of a schema: the fields of the type name, then the types that it uses, each below a line of "=" and a
// line "MSG: package/Type".
func parseSchema(name, text string) (*schema, error) {
	if len(text) > MaxSchema {
		return nil, &DefinitionError{0, fmt.Errorf("the text has %d bytes, more than %d", len(text), MaxSchema)}
	}
	if name == "" {
		return nil, &DefinitionError{0, errors.New("the type has no name")}
	}
	s := &schema{root: &message{name: shortName(name), line: 1}, types: map[string]*message{}, bare: map[string][]*message{}}
	if err := s.parse(text); err != nil {
		return nil, err
	}
	if err := s.resolve(s.root); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *schema) parse(text string) error {
	m, n := s.root, 0
	separated := false
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(withoutComment(line))
		header, isHeader := strings.CutPrefix(line, "MSG:")
		switch {
		case len(line) >= 3 && strings.Trim(line, "=") == "":
			separated = true
		case line == "":
		case separated != isHeader:
			return &DefinitionError{n, fmt.Errorf("a line %q and a line of = belong together, not %q", "MSG: package/Type", jsontext.Short(line))}
		case isHeader:
			if err := s.define(m, n); err != nil {
				return err
			}
			name := strings.TrimSpace(header)
			if !isTypeName(name) {
				return &DefinitionError{n, fmt.Errorf("%q is no name of a type", jsontext.Short(name))}
			}
			m, separated = &message{name: shortName(name), line: n}, false
		default:
			f, err := parseField(line)
			if err == nil && f != nil {
				err = s.add(m, f, n)
			}
			if err != nil {
				return &DefinitionError{n, err}
			}
			m.text = append(append(m.text, line...), '\n')
		}
	}
	if separated {
		return &DefinitionError{n, errors.New("the text ends after a line of =")}
	}
	return s.define(m, n)
}

// define ends a definition. The same type may be defined again in the same words.
func (s *schema) define(m *message, line int) error {
	if first := s.types[m.name]; first != nil {
		if !bytes.Equal(first.text, m.text) {
			return &DefinitionError{m.line, fmt.Errorf("type %s is defined differently in line %d", m.name, first.line)}
		}
		return nil
	}
	if len(s.types) == maxTypes {
		return &DefinitionError{line, fmt.Errorf("there are more than %d types", maxTypes)}
	}
	s.types[m.name] = m
	bare := m.name[strings.LastIndexByte(m.name, '/')+1:]
	s.bare[bare] = append(s.bare[bare], m)
	return nil
}

func (s *schema) add(m *message, f *field, line int) error {
	for i := range m.fields {
		if m.fields[i].name == f.name {
			return fmt.Errorf("field %s is there twice", f.name)
		}
	}
	if len(m.fields) == maxFields/10 || s.fields == maxFields {
		return fmt.Errorf("there are more than %d fields in one type, or %d in all", maxFields/10, maxFields)
	}
	s.fields++
	f.line = line
	m.fields = append(m.fields, *f)
	return nil
}

// withoutComment cuts what follows a # outside of quotes.
func withoutComment(line string) string {
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && c == '#':
			return line[:i]
		case quote == 0 && (c == '"' || c == '\'') && strings.IndexByte(line[i+1:], c) >= 0 && !isLetter(before(line, i)):
			quote = c
		}
	}
	return line
}

func before(line string, i int) byte {
	if i == 0 {
		return ' '
	}
	return line[i-1]
}

// parseField parses a line "type name", "type name default" or "type NAME=value". Of a constant it returns nil.
func parseField(line string) (*field, error) {
	typ, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	rest = strings.TrimSpace(rest)
	f, err := parseType(typ)
	if err != nil {
		return nil, err
	}
	end := 0
	for end < len(rest) && (isLetter(rest[end]) || rest[end] == '_' || rest[end] >= '0' && rest[end] <= '9') {
		end++
	}
	f.name = rest[:end]
	if !isName(f.name) {
		return nil, fmt.Errorf("%q is no name of a field", jsontext.Short(rest))
	}
	value := strings.TrimSpace(rest[end:])
	constant, isConstant := strings.CutPrefix(value, "=")
	switch {
	case isConstant && (f.kind == kindMessage || f.shape != single):
		return nil, fmt.Errorf("constant %s has type %s, which is neither number, bool nor string", f.name, typ)
	case isConstant:
		_, err := f.parseValue(strings.TrimSpace(constant))
		return nil, err
	case value == "":
		return f, nil
	case rest[end] != ' ':
		return nil, fmt.Errorf("%q is no name of a field", jsontext.Short(rest))
	case f.kind == kindMessage:
		return nil, fmt.Errorf("field %s has a default value and type %s", f.name, typ)
	}
	f.standard, err = f.parseValue(value)
	return f, err
}

// parseType parses a type such as "string<=10[<=5]".
func parseType(text string) (*field, error) {
	f := &field{typ: text, textBound: unbounded, count: unbounded}
	base, array, isArray := strings.Cut(text, "[")
	if isArray {
		array, closed := strings.CutSuffix(array, "]")
		if !closed {
			return nil, fmt.Errorf("type %q has no ] at its end", jsontext.Short(text))
		}
		bound, isBound := strings.CutPrefix(array, "<=")
		f.shape = sequence
		if !isBound && array != "" {
			f.shape = fixed
		}
		if array != "" {
			n, err := parseSize(bound)
			if err != nil {
				return nil, fmt.Errorf("type %q: %w", jsontext.Short(text), err)
			}
			f.count = n
		}
	}
	base, bound, isBound := strings.Cut(base, "<=")
	f.kind, f.ref = kindsByName[base], base
	if isBound {
		n, err := parseSize(bound)
		if err != nil {
			return nil, fmt.Errorf("type %q: %w", jsontext.Short(text), err)
		}
		if f.kind != kindString && f.kind != kindWideString {
			return nil, fmt.Errorf("type %q: only strings have a bound", jsontext.Short(text))
		}
		f.textBound = n
	}
	if f.kind == kindMessage && !isTypeName(base) {
		return nil, fmt.Errorf("%q is no name of a type", jsontext.Short(base))
	}
	return f, nil
}

func parseSize(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 || n > maxArray {
		return 0, fmt.Errorf("%q is no length from 1 to %d", jsontext.Short(text), maxArray)
	}
	return int(n), nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isName(s string) bool {
	if s == "" || len(s) > maxName || !isLetter(s[0]) {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

func isTypeName(s string) bool {
	if len(s) > maxName {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if !isName(part) {
			return false
		}
	}
	return true
}
