package capnproto

import (
	"errors"
	"fmt"
	"strings"
)

// A fault is an error in the bytes of a message.
type fault struct {
	offset int    // in the payload, in bytes; -1 if unknown
	path   string // of the field, such as ".shape.box"
	err    error
}

func (f *fault) Error() string {
	text := f.err.Error()
	if f.path != "" {
		text = fmt.Sprintf("field %s: %s", strings.TrimPrefix(f.path, "."), text)
	}
	if f.offset >= 0 {
		text = fmt.Sprintf("at byte %d: %s", f.offset, text)
	}
	return text
}

func (f *fault) Unwrap() error { return f.err }

// fault is an error at a place.
func (m *message) fault(p place, err error) error {
	return &fault{offset: m.begins[p.segment] + p.offset, err: err}
}

// maxPath is the length in bytes from which the path of a field is cut at its beginning.
const maxPath = 200

// below puts the name of a field in front of the path of an error.
func below(err error, part string) error {
	var f *fault
	if !errors.As(err, &f) {
		f = &fault{offset: -1, err: err}
	}
	switch {
	case strings.HasPrefix(f.path, cut):
	case len(f.path)+len(part) > maxPath:
		f.path = cut + f.path
	default:
		f.path = part + f.path
	}
	return f
}

// cut stands for the beginning of a path.
const cut = "...."

// clip cuts a name, which in a hostile schema may be long, for an error.
func clip(name string) string {
	if len(name) > maxPath {
		return name[:maxPath] + cut
	}
	return name
}

// placed adds the place of a pointer to an error that has none.
func (m *message) placed(p place, err error) error {
	if errors.As(err, new(*fault)) {
		return err
	}
	return m.fault(p, err)
}
