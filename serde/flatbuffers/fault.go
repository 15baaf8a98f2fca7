package flatbuffers

import (
	"errors"
	"fmt"

	"github.com/shmbus/shmbus/serde"
)

// maxDepth is how deep tables may nest, as in the verifiers of other languages.
const maxDepth = 64

// maxSteps limits the visits of tables, fields and elements in a payload of n bytes. Tables and vectors may be shared, so the number of
// paths to them can grow exponentially with n.
func maxSteps(n int) int64 { return 1<<24 + 16*int64(n) }

// maxSize is the length of the longest payload in bytes. Offsets to vtables have 32 bits and a sign.
const maxSize = 1<<31 - 1

var (
	errBounds     = errors.New("it lies outside of the payload")
	errDepth      = fmt.Errorf("tables are nested more than %d deep", maxDepth)
	errSteps      = errors.New("it has too many tables and elements for its length")
	errVTable     = errors.New("its table of fields is not valid")
	errNullOffset = errors.New("its offset is 0")
	errNoEnd      = errors.New("the string does not end with 0")
	errRequired   = errors.New("the field is required and absent")
	errUnionCount = errors.New("the vectors of types and values have different lengths")
	errIdentifier = errors.New("the file identifier is another one")
)

// A fault is an error in a payload.
type fault struct {
	offset int    // from the start of the payload, in bytes
	path   string // names of fields from the root on
	err    error
}

func (f *fault) Error() string {
	if f.path == "" {
		return fmt.Sprintf("at byte %d: %v", f.offset, f.err)
	}
	return fmt.Sprintf("at byte %d, field %s: %v", f.offset, f.path, f.err)
}

func (f *fault) Unwrap() error { return f.err }

// maxPath is the length in bytes from which the path of a field is cut at its beginning.
const maxPath = 200

// in puts the name of a field or the index of an element before the path of an inner one.
func (f *fault) in(name string) *fault {
	switch {
	case f.path == "":
		f.path = name
	case len(f.path) > maxPath && f.path[0] == '.':
	case len(f.path) > maxPath:
		f.path = "..." + f.path
	case f.path[0] == '[':
		f.path = name + f.path
	default:
		f.path = name + "." + f.path
	}
	return f
}

func decodeError(name string, err error) error {
	return &serde.DecodeError{Type: name, Encoding: Encoding, Err: err}
}

func encodeError(name string, err error) error {
	return fmt.Errorf("encode %s as %s: %w", name, Encoding, err)
}
