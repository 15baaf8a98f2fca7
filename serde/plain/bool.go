package plain

// A Bool is a bool that may be read in place: every byte is a value of it, and all but 0 are true. A bool of Go must be 0 or 1,
// which a hostile publisher can change after every check.
type Bool uint8

// The values that a codec accepts.
const (
	False Bool = 0
	True  Bool = 1
)

// BoolOf returns b as a Bool.
func BoolOf(b bool) Bool {
	if b {
		return True
	}
	return False
}

// IsTrue reports whether b is true.
func (b Bool) IsTrue() bool { return b != False }
