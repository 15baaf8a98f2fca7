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

// A Path names a part of a JSON document, such as "pose.position.x" or "points[3].x".
type Path struct {
	text  string
	steps []step
}

// A step is a member of an object, or an element of an array if it has no name.
type step struct {
	name  string
	index int
}

// ParsePath parses a path. Names are separated by points and must not contain points or brackets.
func ParsePath(s string) (Path, error) {
	p := Path{text: s}
	wrong := fmt.Errorf("%.100q is no path of a field such as pose.position.x or points[3]", s)
	for i, part := range strings.Split(s, ".") {
		name, rest, indexed := strings.Cut(part, "[")
		if name != "" {
			p.steps = append(p.steps, step{name: name})
		} else if !indexed || i > 0 {
			return p, wrong
		}
		for indexed {
			var digits string
			var closed bool
			digits, rest, closed = strings.Cut(rest, "]")
			n, err := strconv.ParseUint(digits, 10, 31)
			if err != nil || !closed {
				return p, wrong
			}
			p.steps = append(p.steps, step{index: int(n)})
			if rest, indexed = strings.CutPrefix(rest, "["); !indexed && rest != "" {
				return p, wrong
			}
		}
	}
	return p, nil
}

func (p Path) String() string { return p.text }

// Steps yields the names of members, and the indices of elements with an empty name.
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
		if s.name != "" {
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
			if !ok || s.name == "" {
				return nil, false
			}
			v = found
		case []any:
			if s.name != "" || s.index >= len(in) {
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
