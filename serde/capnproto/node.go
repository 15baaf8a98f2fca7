package capnproto

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shmbus/shmbus/serde/internal/jsontext"
)

// A kind is that of a type. The numbers are those of the union in schema.capnp's Type, and of the one in Value.
type kind uint16

const (
	kindVoid kind = iota
	kindBool
	kindInt8
	kindInt16
	kindInt32
	kindInt64
	kindUint8
	kindUint16
	kindUint32
	kindUint64
	kindFloat32
	kindFloat64
	kindText
	kindData
	kindList
	kindEnum
	kindStruct
	kindInterface
	kindAnyPointer
)

var kindNames = [...]string{"Void", "Bool", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64",
	"Text", "Data", "List", "enum", "struct", "interface", "AnyPointer"}

var kindBits = [...]int{0, 1, 8, 16, 32, 64, 8, 16, 32, 64, 32, 64, -1, -1, -1, 16, -1, -1, -1}

// bits is the width of a value in the data of a struct, -1 if it is a pointer.
func (k kind) bits() int { return kindBits[k] }

func (k kind) pointer() bool { return kindBits[k] < 0 }

func (k kind) signed() bool { return k >= kindInt8 && k <= kindInt64 }

// A typ is the type of a field or of the elements of a list.
type typ struct {
	kind    kind
	element *typ  // of a list
	node    *node // of an enum or a struct
}

func (t *typ) String() string {
	switch t.kind {
	case kindList:
		return "List(" + t.element.String() + ")"
	case kindEnum, kindStruct:
		return kindNames[t.kind] + " " + clip(t.node.name)
	}
	return kindNames[t.kind]
}

// A node is a struct, a group or an enum.
type node struct {
	id        uint64
	name      string // the display name
	enum      bool
	group     bool
	words     int // of data
	pointers  int
	variants  int    // of the union, 0 if there is none
	which     uint32 // index of the union's discriminant among the numbers of 16 bits
	fields    []field
	always    []int       // indexes of the fields that are in no union
	members   map[int]int // indexes of those that are, by value of the discriminant
	names     []string    // of the values of an enum
	source    structure
	collected bool // fields and names are complete
}

// A field is a slot or a group.
type field struct {
	name    string
	key     []byte // the name in quotes, and a colon
	order   uint16 // in the source
	ordinal int    // the number of a slot, -1 if it has none
	variant int    // the value of the discriminant, -1 if the field is in no union

	inner *node // of a group

	typ      *typ
	index    uint32 // among the numbers of its width, or among the pointers
	standard uint64 // bits of the default value
	pointer  place  // of the default value, in the schema
	defaults bool   // there is one
}

func (f *field) setName(name string) {
	f.name = name
	f.key = append(jsontext.AppendText(nil, []byte(name)), ':')
}

// arrange orders the fields as the source has them.
func (n *node) arrange() error {
	slices.SortStableFunc(n.fields, func(a, b field) int { return cmp.Compare(a.order, b.order) })
	n.members = map[int]int{}
	for i := range n.fields {
		f := &n.fields[i]
		if f.variant < 0 {
			n.always = append(n.always, i)
			continue
		}
		if _, ok := n.members[f.variant]; ok {
			return fmt.Errorf("two members of its union have the number %d", f.variant)
		}
		n.members[f.variant] = i
	}
	return nil
}

// shown calls f for each field but for those members of the union that are not active. It does not pass through the others, of which a
// hostile schema may have many.
func (n *node) shown(active int, f func(*field) error) error {
	member, ok := n.members[active]
	for _, i := range n.always {
		if ok && member < i {
			if err := f(&n.fields[member]); err != nil {
				return err
			}
			ok = false
		}
		if err := f(&n.fields[i]); err != nil {
			return err
		}
	}
	if ok {
		return f(&n.fields[member])
	}
	return nil
}

// byName returns a field, nil if there is none.
func (n *node) byName(name string) *field {
	for i := range n.fields {
		if n.fields[i].name == name {
			return &n.fields[i]
		}
	}
	return nil
}

// recursive reports whether a value of the type may contain one of its own type. An AnyPointer may contain anything.
func (n *node) recursive() bool {
	const visiting, done = 1, 2
	state := map[*node]int{}
	var visit func(n *node) bool
	visit = func(n *node) bool {
		switch state[n] {
		case visiting:
			return true
		case done:
			return false
		}
		state[n] = visiting
		for i := range n.fields {
			inner := n.fields[i].inner
			if t := n.fields[i].typ; t != nil {
				for t.kind == kindList {
					t = t.element
				}
				if t.kind == kindAnyPointer {
					return true
				}
				if t.kind == kindStruct {
					inner = t.node
				}
			}
			if inner != nil && visit(inner) {
				return true
			}
		}
		state[n] = done
		return false
	}
	return visit(n)
}
