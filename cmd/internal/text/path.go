package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Path names a part of a JSON document, such as "pose.position.x", "points[3].x" or `limits["arm.lift"]`.
type Path struct {
	text  string
	steps []step
}

// A step is a member of an object, with the index -1, or an element of an array.
type step struct {
	name  string
	index int
}

// ParsePath parses a path. Names are separated by points. One that is empty, or has points or brackets, is in brackets and quoted as in Go.
func ParsePath(s string) (Path, error) {
	p := Path{text: s}
	wrong := fmt.Errorf("%.100q is no path of a field such as pose.position.x, points[3] or limits[\"arm.lift\"]", s)
	for rest := s; rest != "" || len(p.steps) == 0; {
		next := step{index: -1}
		if inside, ok := strings.CutPrefix(rest, "["); ok {
			quoted, err := strconv.QuotedPrefix(inside)
			if err == nil && quoted[0] == '"' {
				next.name, err = strconv.Unquote(quoted)
				rest = inside[len(quoted):]
			} else {
				digits := inside[:max(0, strings.IndexByte(inside, ']'))]
				var n uint64
				n, err = strconv.ParseUint(digits, 10, 31)
				next.index, rest = int(n), inside[len(digits):]
			}
			if rest, ok = strings.CutPrefix(rest, "]"); !ok || err != nil {
				return p, wrong
			}
		} else {
			if rest, ok = strings.CutPrefix(rest, "."); ok != (len(p.steps) > 0) {
				return p, wrong
			}
			next.name = rest
			if i := strings.IndexAny(rest, ".["); i >= 0 {
				next.name = rest[:i]
			}
			if rest = rest[len(next.name):]; next.name == "" {
				return p, wrong
			}
		}
		p.steps = append(p.steps, next)
	}
	return p, nil
}

// Member returns the path of a member of the object at a path, "" for the whole document. It is escaped.
func Member(path, name string) string {
	switch plain := name != "" && !strings.ContainsAny(name, ".[]") && Escape(name) == name; {
	case !plain:
		return path + "[" + Escape(strconv.Quote(name)) + "]"
	case path == "":
		return name
	}
	return path + "." + name
}

func (p Path) String() string { return p.text }

// Steps yields the names of members with the index -1, and the indices of elements.
func (p Path) Steps() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for _, s := range p.steps {
			if !yield(s.name, s.index) {
				return
			}
		}
	}
}

// Find returns the part of a document. The error names what the document has instead.
func (p Path) Find(js json.RawMessage) (json.RawMessage, error) {
	for _, s := range p.steps {
		var err error
		if s.index < 0 {
			js, err = member(js, s.name)
		} else {
			js, err = element(js, s.index)
		}
		if err != nil {
			return nil, fmt.Errorf("no field %s: %w", p.text, err)
		}
	}
	return js, nil
}

// In returns the part of a generic value, of map[string]any and []any, and whether it has one.
func (p Path) In(v any) (any, bool) {
	for _, s := range p.steps {
		switch in := v.(type) {
		case map[string]any:
			found, ok := in[s.name]
			if !ok || s.index >= 0 {
				return nil, false
			}
			v = found
		case []any:
			if s.index < 0 || s.index >= len(in) {
				return nil, false
			}
			v = in[s.index]
		default:
			return nil, false
		}
	}
	return v, true
}

func member(js json.RawMessage, name string) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(js, &object); err != nil || object == nil {
		return nil, fmt.Errorf("what should have %.100q is no object", name)
	}
	found, ok := object[name]
	if !ok {
		const shown = 10
		names := slices.Sorted(maps.Keys(object))
		more := ""
		if len(names) > shown {
			names, more = names[:shown], ", ..."
		}
		return nil, fmt.Errorf("there is no %.100q but %.300q%s", name, names, more)
	}
	return found, nil
}

func element(js json.RawMessage, i int) (json.RawMessage, error) {
	var array []json.RawMessage
	if err := json.Unmarshal(js, &array); err != nil || array == nil {
		return nil, errors.New("what should have an index is no array")
	}
	if i >= len(array) {
		return nil, fmt.Errorf("the array has %s", Many(len(array), "element"))
	}
	return array[i], nil
}
