// Package layouttest compares three descriptions of shared bytes: docs/format.md and docs/protocol.md, the tables in the comments of the
// package that the bytes belong to, and the constants and accesses in that package's source. Only tests use it.
//
// A table of fields has the columns offset, size, holds in the document, and offset, size, constant, holds in a comment. The document
// writes a constant as its name in code font, an equals sign and the value. The last heading that ends with a path in parentheses
// names the package. A table of steps has the columns step, writes, seen, left.
package layouttest

import (
	"fmt"
	"go/constant"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Package is one whose shared bytes are checked, and what cannot be read off its source.
type Package struct {
	Name  string         // path from the root, as the document's headings have it
	Root  string         // path to the root of the repository
	Files []string       // the document must have every constant that these declare, unless it is computed from others
	Field *regexp.Regexp // matches the names of those that are offsets
	Sizes map[string]int // bytes of the fields that are more than a word
	Ends  map[string]int // bytes of what each table of fields describes, by the heading above it
}

// Check returns what is wrong: everything in which document, comments and source differ, fields that overlap or are not
// aligned or leave what they are part of, and constants that are missing.
func (p Package) Check() (wrong []string, err error) {
	d, err := readDocument(p.Root + "/docs/format.md")
	if err != nil {
		return nil, err
	}
	s, err := readSource(p.Root + "/" + p.Name)
	if err != nil {
		return nil, err
	}
	c := &comparison{Package: p, source: s}
	c.fields(d.fields[p.Name])
	inComments := c.fields(s.tables)
	c.sameTables(d.fields[p.Name], s.tables)
	c.ends(d.fields[p.Name])
	values := c.values(d.values[p.Name])
	for _, name := range slices.Sorted(maps.Keys(s.declared)) {
		switch {
		case !slices.Contains(p.Files, s.declared[name]):
		case !p.Field.MatchString(name):
			if !values[name] && !s.computed[name] {
				c.wrong("%s: the document has no value of %s", s.at[name], name)
			}
		case !inComments[name]:
			c.wrong("%s: no table in a comment has %s", s.at[name], name)
		}
	}
	return c.found, nil
}

// comparison is one run of Check.
type comparison struct {
	Package
	*source
	found []string
}

func (c *comparison) wrong(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// fields checks tables of fields by themselves and against the source, and returns which constants they have.
func (c *comparison) fields(tables []table) map[string]bool {
	listed := map[string]bool{}
	for _, t := range tables {
		if len(t.rows) == 0 {
			c.wrong("%s: the table is empty", t.at)
		}
		end := 0
		for i, r := range t.rows {
			if r.offset < end {
				c.wrong("%s: %v begins within the field before it", r.at, r)
			}
			n, ok := r.bytes()
			if !ok && i != len(t.rows)-1 {
				c.wrong("%s: %v has no fixed size and is not the last", r.at, r)
			}
			end = r.offset + n
			for _, name := range r.names {
				listed[name] = true
				c.field(r, name)
			}
		}
	}
	return listed
}

// field checks one constant in a row.
func (c *comparison) field(r row, name string) {
	v, ok := c.constants[name]
	switch {
	case !ok:
		c.wrong("%s: there is no constant %s", r.at, name)
		return
	case !c.Field.MatchString(name):
		c.wrong("%s: %s is not an offset", r.at, name)
		return
	case v.ExactString() != strconv.Itoa(r.offset):
		c.wrong("%s: %s is at %d here, the constant is %v", r.at, name, r.offset, v)
	}
	size, fixed := r.bytes()
	want, given := c.Sizes[name]
	accesses := c.accesses[name]
	switch {
	case given && size != want:
		c.wrong("%s: %s has %s bytes here, and %d", r.at, name, r.size, want)
	case !given && fixed && len(accesses) == 0:
		c.wrong("%s: nothing says how many bytes %s has: no access in the source, and not Sizes", r.at, name)
	case !fixed && len(accesses) == 0:
		return
	}
	for _, a := range accesses {
		switch {
		case r.offset%a.width != 0:
			c.wrong("%s: %s at %d is not aligned to the %d bytes of the access at %s", r.at, name, r.offset, a.width, a.at)
		case a.array && fixed && (!given || size%a.width != 0), !a.array && size != a.width:
			c.wrong("%s: %s has %s bytes here, the access at %s takes %d", r.at, name, r.size, a.at, a.width)
		case a.array && !fixed && !strings.HasPrefix(r.size, strconv.Itoa(a.width)+"*"):
			c.wrong("%s: %s has %s bytes here, the access at %s is to words of %d", r.at, name, r.size, a.at, a.width)
		}
	}
}

// sameTables checks that the comments have the tables of the document, row for row: offset, size, and what the row begins with if that
// is a label in the comment.
func (c *comparison) sameTables(document, comments []table) {
	if len(document) != len(comments) {
		c.wrong("the document has %d tables of fields of %s, the comments have %d", len(document), c.Name, len(comments))
		return
	}
	for i, t := range document {
		other := comments[i]
		if len(t.rows) != len(other.rows) {
			c.wrong("%s has %d rows, %s has %d", t.at, len(t.rows), other.at, len(other.rows))
			continue
		}
		for k, r := range t.rows {
			o := other.rows[k]
			if r.offset != o.offset || r.size != o.size || o.label() != "" && r.label() != o.label() {
				c.wrong("%s: %v, but %s: %v", r.at, r, o.at, o)
			}
		}
	}
}

// ends checks that the last field of each table ends inside what the table describes.
func (c *comparison) ends(tables []table) {
	left := maps.Clone(c.Ends)
	for _, t := range tables {
		end, ok := c.Ends[t.title]
		if !ok {
			c.wrong("%s: nothing says how long a %q is", t.at, t.title)
		}
		delete(left, t.title)
		if len(t.rows) == 0 {
			continue
		}
		last := t.rows[len(t.rows)-1]
		if n, _ := last.bytes(); ok && last.offset+n > end {
			c.wrong("%s: %v ends after the %d bytes of a %q", last.at, last, end, t.title)
		}
	}
	for _, title := range slices.Sorted(maps.Keys(left)) {
		c.wrong("the document has no table of fields under the heading %q", title)
	}
}

// values checks constants with their values, and returns which there are.
func (c *comparison) values(all []value) map[string]bool {
	listed := map[string]bool{}
	for _, here := range all {
		listed[here.name] = true
		v, ok := c.constants[here.name]
		if !ok {
			c.wrong("%s: there is no constant %s", here.at, here.name)
		} else if !isValue(here.text, v) {
			c.wrong("%s: %s is %s here, the constant is %v", here.at, here.name, here.text, v.ExactString())
		}
	}
	return listed
}

// isValue reports whether text, a number in any base or bare text, stands for v.
func isValue(text string, v constant.Value) bool {
	if v.Kind() == constant.String {
		return text == constant.StringVal(v)
	}
	n, err := strconv.ParseUint(text, 0, 64)
	got, exact := constant.Uint64Val(v)
	return err == nil && exact && got == n
}

// Steps returns the names of the steps in the document's tables of protocols, in order. An error says what is not a table.
func Steps(root string) ([]string, error) {
	d, err := readDocument(root + "/docs/protocol.md")
	if err != nil {
		return nil, err
	}
	return d.steps, nil
}
