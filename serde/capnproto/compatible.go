package capnproto

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/shmbus/shmbus/serde"
)

// Compatible reports whether payloads of type a can be decoded as type b, and the other way round, by the rules by which Cap'n Proto
// structs evolve. It returns nil if the structs have the same id or the same name and, in the struct and in those that it contains, each
// field number that both schemas have stands for the same place, type and default value, and for the same member of a union. Either
// schema may have fields and enum values that the other one lacks. A field may have moved into a group, or become the first member of a
// new union. A list of numbers, texts or other pointers may have become one of structs whose field 0 is that. List(UInt8) may have become
// Data, and each pointer AnyPointer. Names of fields and enum values are not compared. The error names the first field that differs.
func Compatible(a, b serde.Type) error {
	sa, err := ParseSchema(a)
	if err != nil {
		return err
	}
	sb, err := ParseSchema(b)
	if err != nil {
		return err
	}
	if a.Name != b.Name && sa.root.id != sb.root.id {
		return fmt.Errorf("the struct %s @%#x is not %s @%#x", b.Name, sb.root.id, a.Name, sa.root.id)
	}
	c := comparison{compared: map[pair]bool{}, slots: map[*node]map[int]slot{}}
	c.add(sa.root, sb.root)
	for len(c.next) > 0 {
		p := c.next[0]
		c.next = c.next[1:]
		if err := c.structs(p.a, p.b); err != nil {
			return err
		}
		if len(c.compared) > maxNodes {
			return fmt.Errorf("the schemas of %s have too many structs to compare", a.Name)
		}
	}
	return nil
}

type pair struct{ a, b *node }

// A comparison is that of two schemas.
type comparison struct {
	compared map[pair]bool
	next     []pair
	slots    map[*node]map[int]slot
	members  int // fields in slots and of structs compared, each time
}

// maxCompared limits comparison.members.
const maxCompared = 4 * maxMembers

func (c *comparison) add(a, b *node) {
	if p := (pair{a, b}); !c.compared[p] {
		c.compared[p] = true
		c.next = append(c.next, p)
	}
}

// A slot is a field of a struct or of a group in it.
type slot struct {
	*field
	members string // of unions that must be active, but for the first ones
}

func (s slot) String() string {
	text := fmt.Sprintf("%v at place %d%s", s.typ, s.index, s.members)
	if s.standard != 0 {
		text += fmt.Sprintf(", default %#x", s.standard)
	}
	return text
}

// of returns the fields of a struct by number.
func (c *comparison) of(n *node) (map[int]slot, error) {
	if s := c.slots[n]; s != nil {
		return s, nil
	}
	slots := map[int]slot{}
	if err := c.collect(slots, n, "", serde.MaxDepth); err != nil {
		return nil, fmt.Errorf("the struct %s: %w", clip(n.name), err)
	}
	c.slots[n] = slots
	return slots, nil
}

func (c *comparison) collect(slots map[int]slot, n *node, members string, depth int) error {
	if depth == 0 {
		return errDepth
	}
	for i := range n.fields {
		f := &n.fields[i]
		if c.members++; c.members > maxCompared {
			return errors.New("its groups have too many fields")
		}
		in := members
		if f.variant > 0 {
			in += fmt.Sprintf(", member %d of the union at place %d", f.variant, n.which)
		}
		switch {
		case f.inner != nil:
			if err := c.collect(slots, f.inner, in, depth-1); err != nil {
				return err
			}
		case f.ordinal < 0:
			return fmt.Errorf("the field %q has no number", clip(f.name))
		case slots[f.ordinal].field != nil:
			return fmt.Errorf("the fields %q and %q have the same number", clip(slots[f.ordinal].name), clip(f.name))
		default:
			slots[f.ordinal] = slot{f, in}
		}
	}
	return nil
}

func (c *comparison) structs(a, b *node) error {
	sa, err := c.of(a)
	if err != nil {
		return err
	}
	sb, err := c.of(b)
	if err != nil {
		return err
	}
	if c.members += len(sa); c.members > maxCompared {
		return fmt.Errorf("the structs in %s are too many to compare", clip(a.name))
	}
	for _, number := range slices.Sorted(maps.Keys(sa)) {
		fa, fb := sa[number], sb[number]
		if fb.field == nil {
			continue
		}
		if fa.typ.kind != kindVoid && fa.index != fb.index || fa.standard != fb.standard || fa.members != fb.members || !c.types(fa.typ, fb.typ) {
			return fmt.Errorf("field @%d of %s is %q, %v, in one schema and %q, %v, in the other", number, clip(a.name), clip(fa.name), fa, clip(fb.name), fb)
		}
	}
	return nil
}

// types reports whether fields of two types can replace each other. The structs in them are compared later.
func (c *comparison) types(a, b *typ) bool {
	switch {
	case a.kind == kindList && b.kind == kindList:
		return c.elements(a.element, b.element)
	case a.kind == kindStruct && b.kind == kindStruct:
		c.add(a.node, b.node)
		return true
	case a.kind == b.kind:
		return true
	case a.kind == kindAnyPointer || b.kind == kindAnyPointer:
		return a.kind.pointer() && b.kind.pointer()
	}
	return a.kind == kindData && bytesList(b) || b.kind == kindData && bytesList(a)
}

func bytesList(t *typ) bool {
	return t.kind == kindList && (t.element.kind == kindUint8 || t.element.kind == kindInt8)
}

func (c *comparison) elements(a, b *typ) bool {
	switch {
	case a.kind == b.kind:
		return c.types(a, b)
	case a.kind == kindStruct && b.kind != kindBool:
		return c.firstField(a.node, b)
	case b.kind == kindStruct && a.kind != kindBool:
		return c.firstField(b.node, a)
	}
	return c.types(a, b)
}

// firstField reports whether field 0 of a struct is where a list of the type has its elements.
func (c *comparison) firstField(n *node, t *typ) bool {
	slots, err := c.of(n)
	if err != nil {
		return false
	}
	f := slots[0]
	return f.field != nil && f.index == 0 && f.standard == 0 && f.members == "" && c.types(f.typ, t)
}
