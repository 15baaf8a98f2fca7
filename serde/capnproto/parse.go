package capnproto

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/shmbus/shmbus/serde"
)

// A parser reads the declarations of a schema.
type parser struct {
	m       *message
	nodes   map[uint64]*node
	members int     // fields and enum values so far
	next    []*node // which are needed, and not read yet
}

// parse reads the struct that wanted selects, and all that it needs.
func parse(schema []byte, wanted func(*node) bool) (*Schema, error) {
	if len(schema) > maxSchema {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(schema), maxSchema)
	}
	m, err := newMessage(bytes.Clone(schema), 2) // it is read more than once
	if err != nil {
		return nil, err
	}
	p := parser{m: m, nodes: map[uint64]*node{}}
	root, err := p.declarations(wanted)
	if err != nil {
		return nil, err
	}
	p.need(root)
	for len(p.next) > 0 {
		n := p.next[0]
		p.next = p.next[1:]
		if err := p.node(n); err != nil {
			return nil, within(err, clip(n.name))
		}
	}
	return &Schema{name: root.name, root: root, bytes: m}, nil
}

func within(err error, name string) error { return fmt.Errorf("the declaration of %s: %w", name, err) }

// declarations reads what all nodes have, and returns the one wanted.
func (p *parser) declarations(wanted func(*node) bool) (*node, error) {
	request, err := p.m.follow(place{})
	if err != nil {
		return nil, err
	}
	if request.kind != isStruct {
		return nil, errors.New("it is no CodeGeneratorRequest")
	}
	nodes, err := p.structs(request.object, 0, maxNodes)
	if err != nil {
		return nil, err
	}
	var root *node
	for i := range nodes.n {
		s := nodes.element(i)
		n := &node{id: s.value(0, 64), source: s}
		if n.name, err = p.text(s, 0); err != nil {
			return nil, err
		}
		if p.nodes[n.id] != nil {
			return nil, fmt.Errorf("it declares @%#x twice", n.id)
		}
		p.nodes[n.id] = n
		switch which := s.value(6, 16); which {
		case 1:
			n.words, n.pointers = int(s.value(7, 16)), int(s.value(12, 16))
			n.group = s.value(224, 1) == 1
			n.variants, n.which = int(s.value(15, 16)), uint32(s.value(8, 32))
		case 2:
			n.enum = true
		default:
			delete(p.nodes, n.id)
			continue
		}
		if !n.enum && !n.group && wanted(n) {
			if root != nil {
				return nil, errors.New("it declares two structs of this name")
			}
			root = n
		}
	}
	if root == nil {
		return nil, errors.New("it does not declare this struct")
	}
	return root, nil
}

// need has a node read later, if it was not yet.
func (p *parser) need(n *node) {
	if !n.collected {
		n.collected = true
		p.next = append(p.next, n)
	}
}

// node reads the members of a node.
func (p *parser) node(n *node) error {
	members, err := p.structs(n.source, 3, maxMembers-p.members)
	if err != nil {
		return err
	}
	p.members += members.n
	seen := make(map[string]bool, members.n)
	for i := range members.n {
		s := members.element(i)
		name, err := p.text(s, 0)
		if err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("two members are %q", clip(name))
		}
		seen[name] = true
		if n.enum {
			n.names = append(n.names, name)
			continue
		}
		f, err := p.field(n, s)
		if err != nil {
			return fmt.Errorf("field %q: %w", clip(name), err)
		}
		f.setName(name)
		n.fields = append(n.fields, f)
	}
	return n.arrange()
}

func (p *parser) field(n *node, s structure) (field, error) {
	f := field{order: uint16(s.value(0, 16)), ordinal: -1, variant: -1}
	if v := uint16(s.value(1, 16)) ^ 0xffff; v != 0xffff {
		f.variant = int(v)
		if int(v) >= n.variants {
			return f, fmt.Errorf("its number %d in the union is not below %d", v, n.variants)
		}
	}
	if s.value(5, 16) == 1 {
		f.ordinal = int(s.value(6, 16))
	}
	switch which := s.value(4, 16); which {
	case 0:
		f.index = uint32(s.value(1, 32))
		return f, p.slot(&f, s)
	case 1:
		id := s.value(2, 64)
		if f.inner = p.nodes[id]; f.inner == nil || !f.inner.group {
			return f, fmt.Errorf("the schema lacks the group @%#x", id)
		}
		p.need(f.inner)
		return f, nil
	default:
		return f, fmt.Errorf("fields of kind %d are unknown", which)
	}
}

// slot reads type and default value of a field.
func (p *parser) slot(f *field, s structure) error {
	t, err := p.structure(s, 2)
	if err != nil {
		return err
	}
	if f.typ, err = p.typ(t, serde.MaxDepth); err != nil {
		return err
	}
	v, err := s.target(3)
	if err != nil || v.kind == isNull {
		return err
	}
	if v.kind != isStruct || kind(v.object.value(0, 16)) != f.typ.kind {
		return errors.New("the default value is of another type")
	}
	switch bits := f.typ.kind.bits(); {
	case bits == 1, bits == 8, bits == 16:
		f.standard = v.object.value(16/uint32(bits), bits)
	case bits > 0:
		f.standard = v.object.value(1, bits)
	case bits < 0 && f.typ.kind != kindInterface:
		f.pointer, f.defaults = v.object.pointer(0)
		f.defaults = f.defaults && p.m.word(f.pointer) != 0
	}
	return nil
}

// typ reads a type.
func (p *parser) typ(s structure, depth int) (*typ, error) {
	if depth == 0 {
		return nil, errDepth
	}
	t := &typ{kind: kind(s.value(0, 16))}
	switch t.kind {
	case kindList:
		inner, err := p.structure(s, 0)
		if err != nil {
			return nil, err
		}
		t.element, err = p.typ(inner, depth-1)
		return t, err
	case kindEnum, kindStruct:
		id := s.value(1, 64)
		if t.node = p.nodes[id]; t.node == nil || t.node.enum != (t.kind == kindEnum) || t.node.group {
			return nil, fmt.Errorf("the schema lacks the %s @%#x", kindNames[t.kind], id)
		}
		p.need(t.node)
	}
	if t.kind > kindAnyPointer {
		return nil, fmt.Errorf("types of kind %d are unknown", t.kind)
	}
	return t, nil
}

// structure reads a struct that is not null.
func (p *parser) structure(s structure, i uint32) (structure, error) {
	t, err := s.target(i)
	if err == nil && t.kind != isStruct {
		err = p.m.fault(s.place(), errors.New("a struct is missing"))
	}
	return t.object, err
}

// structs reads a list of structs.
func (p *parser) structs(s structure, i uint32, most int) (target, error) {
	t, err := s.target(i)
	switch {
	case err != nil:
		return t, err
	case t.kind == isNull:
		return target{}, nil
	case t.kind != isList || t.bits == 1:
		return t, p.m.fault(s.place(), errors.New("a list is missing"))
	case t.n > most:
		return t, fmt.Errorf("it has more than %d nodes or %d members", maxNodes, maxMembers)
	}
	return t, nil
}

func (p *parser) text(s structure, i uint32) (string, error) {
	t, err := s.target(i)
	if err != nil {
		return "", err
	}
	b, err := t.text()
	if err != nil {
		return "", p.m.fault(s.place(), err)
	}
	return string(b), nil
}

var errDepth = errors.New("values are nested too deep")
