package goal

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// An ID names a goal. The client chooses it at random, so that it can find the goal again after a restart. A process that knows the id can
// find and cancel the goal.
type ID [16]byte

// NewID returns a random id.
func NewID() (id ID) {
	rand.Read(id[:])
	return id
}

// ParseID reads the text form of an id: 32 hexadecimal digits.
func ParseID(text string) (id ID, err error) {
	if len(text) != 2*len(id) {
		return id, fmt.Errorf("parse the goal id %.40q: it has %d characters, must have %d hexadecimal digits", text, len(text), 2*len(id))
	}
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		return ID{}, fmt.Errorf("parse the goal id %q: %w", text, err)
	}
	return id, nil
}

// String returns the text form.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns the text form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the text form.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}
