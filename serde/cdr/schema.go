package cdr

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Limits of a schema. What ROS 2 publishes is far below them.
const (
	MaxSchema = 1 << 20 // bytes of text
	MaxDepth  = 64      // messages within messages
	maxTypes  = 2000
	maxFields = 20000 // of all types together
	maxArray  = 1 << 28
	maxName   = 255
)

// A kind is the kind of one value.
type kind uint8

const (
	kindMessage kind = iota
	kindBool
	kindInt8
	kindUint8
	kindInt16
	kindUint16
	kindInt32
	kindUint32
	kindInt64
	kindUint64
	kindFloat32
	kindFloat64
	kindString
	kindWideString
)

var kindsByName = map[string]kind{
	"bool": kindBool, "byte": kindUint8, "char": kindUint8, "int8": kindInt8, "uint8": kindUint8, "int16": kindInt16, "uint16": kindUint16,
	"int32": kindInt32, "uint32": kindUint32, "int64": kindInt64, "uint64": kindUint64, "float32": kindFloat32, "float64": kindFloat64,
	"string": kindString, "wstring": kindWideString,
}

// width is the size of a number or bool in bytes, 0 for other kinds.
func (k kind) width() int {
	switch k {
	case kindBool, kindInt8, kindUint8:
		return 1
	case kindInt16, kindUint16:
		return 2
	case kindInt32, kindUint32, kindFloat32:
		return 4
	case kindInt64, kindUint64, kindFloat64:
		return 8
	}
	return 0
}

// A shape says how many values a field has.
type shape uint8

const (
	single shape = iota
	fixed
	sequence
)

const unbounded = -1

// A field is a field of a message.
type field struct {
	name      string
	typ       string // as the text has it
	line      int
	kind      kind
	ref       string   // of a message: the name of its type, as the text has it
	message   *message // of a message
	shape     shape
	count     int // of a fixed array: the number of elements; of a sequence: the largest, or unbounded
	textBound int // of a string: the largest number of bytes, or unbounded
	standard  any // default value as encoding/json has it, with numbers as json.Number; nil without
}

// element is the field without its array.
func (f *field) element() *field {
	e := *f
	e.shape = single
	return &e
}

// A message is a definition of the schema.
type message struct {
	name   string // such as "std_msgs/Header"
	line   int
	text   []byte // without comments
	fields []field
	state  visit
	depth  int
	size   int64 // a message has at least so many bytes, without padding
}

type visit uint8

const (
	unvisited visit = iota
	visiting
	visited
)

// shortName is package and type of a name such as "std_msgs/msg/Header", or the name itself if there is no package. Some recorders put
// more parts in front.
func shortName(name string) string {
	parts := strings.Split(name, "/")
	last := parts[len(parts)-1]
	for _, p := range slices.Backward(parts[:len(parts)-1]) {
		if p != "msg" && p != "srv" && p != "action" {
			return p + "/" + last
		}
	}
	return last
}

// A schema is a parsed schema. Its types refer to each other.
type schema struct {
	root   *message
	types  map[string]*message   // by short name
	bare   map[string][]*message // by name without package
	fields int
}

// builtin has the types that need no definition in the text.
func (s *schema) builtin(name string) *message {
	switch name {
	case "time", timeName:
		name = timeName
	case "duration", durationName:
		name = durationName
	default:
		return nil
	}
	m := s.types[name]
	if m == nil {
		m = &message{name: name, fields: []field{
			{name: "sec", typ: "int32", kind: kindInt32, textBound: unbounded},
			{name: "nanosec", typ: "uint32", kind: kindUint32, textBound: unbounded},
		}}
		s.types[name] = m
	}
	return m
}

const (
	timeName     = "builtin_interfaces/Time"
	durationName = "builtin_interfaces/Duration"
)

// find returns the type that a field of m names.
func (s *schema) find(m *message, ref string) (*message, error) {
	name := shortName(ref)
	if strings.Contains(name, "/") {
		if found := s.types[name]; found != nil {
			return found, nil
		}
		if found := s.builtin(name); found != nil {
			return found, nil
		}
		return nil, fmt.Errorf("type %s is not defined", ref)
	}
	pkg, _, _ := strings.Cut(m.name, "/")
	for _, candidate := range []string{pkg + "/" + name, name} {
		if found := s.types[candidate]; found != nil {
			return found, nil
		}
	}
	if name == "Header" {
		if found := s.types["std_msgs/Header"]; found != nil {
			return found, nil
		}
	}
	if found := s.builtin(name); found != nil {
		return found, nil
	}
	switch found := s.bare[name]; len(found) {
	case 0:
		return nil, fmt.Errorf("type %s is not defined", ref)
	case 1:
		return found[0], nil
	default:
		return nil, fmt.Errorf("type %s is defined by %d packages: name one", ref, len(found))
	}
}

// resolve finds the types of all fields, refuses types that contain themselves, and computes sizes.
func (s *schema) resolve(m *message) error {
	m.state, m.depth = visiting, 1
	for i := range m.fields {
		f := &m.fields[i]
		size := int64(f.kind.width())
		switch f.kind {
		case kindString, kindWideString:
			size = 4
		case kindMessage:
			found, err := s.find(m, f.ref)
			if err != nil {
				return &DefinitionError{f.line, fmt.Errorf("field %s of %s: %w", f.name, m.name, err)}
			}
			if found.state == unvisited {
				if err := s.resolve(found); err != nil {
					return err
				}
			}
			if found.state == visiting {
				return &DefinitionError{f.line, fmt.Errorf("field %s of %s: type %s contains itself", f.name, m.name, f.ref)}
			}
			if m.depth = max(m.depth, found.depth+1); m.depth > MaxDepth {
				return &DefinitionError{f.line, fmt.Errorf("field %s of %s: messages nest deeper than %d", f.name, m.name, MaxDepth)}
			}
			f.message, size = found, found.size
		}
		switch f.shape {
		case fixed:
			size *= int64(f.count)
		case sequence:
			size = 4
		}
		if m.size += size; m.size > math.MaxInt32 {
			return &DefinitionError{f.line, fmt.Errorf("field %s of %s: %w", f.name, m.name, errTooLarge)}
		}
	}
	if len(m.fields) == 0 {
		m.size = 1 // IDL has no empty structs: ROS 2 adds a byte
	}
	m.state = visited
	return nil
}
