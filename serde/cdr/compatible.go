package cdr

import (
	"fmt"

	"github.com/shmbus/shmbus/serde"
)

// CheckType accepts a schema with the same fields: other comments, constants, default values and names of the types within do not change
// a payload. ROS 2 has comments in its definitions, so a recording of a robot differs in these from a definition that was written by hand.
func (c *codec[T]) CheckType(published serde.Type) error {
	theirs, err := parseSchema(published.Name, string(published.Schema))
	if err != nil {
		return err
	}
	ours, err := parseSchema(c.t.Name, string(c.t.Schema))
	if err != nil {
		return err
	}
	return sameForm(theirs.root, ours.root, "", map[[2]*message]bool{})
}

// sameForm returns nil if both messages have the same fields, and else an error that names the first one that differs.
func sameForm(a, b *message, path string, compared map[[2]*message]bool) error {
	if compared[[2]*message{a, b}] {
		return nil
	}
	compared[[2]*message{a, b}] = true
	for i := range max(len(a.fields), len(b.fields)) {
		switch {
		case i >= len(a.fields):
			return fmt.Errorf("%s is missing in the published schema", inside(path, b.fields[i].name))
		case i >= len(b.fields):
			return fmt.Errorf("%s is in the published schema only", inside(path, a.fields[i].name))
		}
		f, g := &a.fields[i], &b.fields[i]
		if f.name != g.name || f.kind != g.kind || f.shape != g.shape || f.count != g.count || f.textBound != g.textBound {
			return fmt.Errorf("%s %s is published where %s %s is expected", f.typ, inside(path, f.name), g.typ, inside(path, g.name))
		}
		if f.kind == kindMessage {
			if err := sameForm(f.message, g.message, inside(path, f.name), compared); err != nil {
				return err
			}
		}
	}
	return nil
}
