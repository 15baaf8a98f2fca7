package layouttest

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A row is one line of a table of fields or values.
type row struct {
	at     string   // file and line
	offset int      // of a field
	value  string   // of a constant, as written
	size   string   // of a field: bytes, or what they depend on
	names  []string // of the constants
}

// bytes returns the size if it is a plain number.
func (r row) bytes() (n int, ok bool) {
	n, err := strconv.Atoi(r.size)
	return n, err == nil
}

func (r row) String() string {
	return fmt.Sprintf("%d %s %s", r.offset, r.size, strings.Join(r.names, ", "))
}

type table struct {
	at    string
	title string // the heading above it, without code font; in comments empty
	rows  []row
}

// A document is the parsed docs/format.md or docs/protocol.md.
type document struct {
	packages []string           // that it has tables of, in order
	fields   map[string][]table // per package
	values   map[string][]table
	steps    []string
}

var (
	fieldColumns = []string{"offset", "size", "constant", "holds"}
	valueColumns = []string{"value", "constant", "means"}
	stepColumns  = []string{"step", "process", "bytes", "what the other side may see", "if the process dies here"}

	heading = regexp.MustCompile("^#+ (.*?)(?: \\(`([a-z/]+)`\\))?$")
	// A name of a step is what the step writes and what it is part of, such as publish.copy.
	stepName = regexp.MustCompile("^(?:\\d+ )?`([a-z]+(?:-[a-z]+)*\\.[a-z]+(?:-[a-z]+)*)`$")
	// inComment is a row of fields in a comment, without the slashes.
	inComment = regexp.MustCompile(`^\s*(\S+)\s+(\S+)\s+(\S+(?:, \S+)*)\s+(\S.*)$`)
)

// readDocument parses the document at path.
func readDocument(path string) (*document, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := &document{fields: map[string][]table{}, values: map[string][]table{}}
	var pkg, title string
	var columns []string // of the table that the line is in
	for i, line := range strings.Split(string(text), "\n") {
		at := fmt.Sprintf("%s:%d", path, i+1)
		if m := heading.FindStringSubmatch(line); m != nil {
			title = strings.ReplaceAll(m[1], "`", "")
			if strings.HasPrefix(line, "## ") || m[2] != "" {
				pkg = m[2]
			}
		}
		cells := cellsOf(line)
		switch {
		case cells == nil:
			columns = nil
			continue
		case columns == nil:
			columns = cells
			if err := d.begin(columns, pkg, table{at: at, title: title}); err != nil {
				return nil, err
			}
			continue
		case strings.Trim(cells[0], "-:") == "":
			continue
		case len(cells) != len(columns):
			return nil, fmt.Errorf("%s: %d cells in a table of %d columns", at, len(cells), len(columns))
		}
		if err := d.add(columns, pkg, at, cells); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// cellsOf splits a line of a table, nil if it is none.
func cellsOf(line string) []string {
	line, ok := strings.CutPrefix(strings.TrimSpace(line), "|")
	if !ok {
		return nil
	}
	cells := strings.Split(strings.TrimSuffix(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

func (d *document) begin(columns []string, pkg string, t table) error {
	into := d.fields
	switch {
	case slices.Equal(columns, fieldColumns):
	case slices.Equal(columns, valueColumns):
		into = d.values
	case slices.Contains(columns, "constant"):
		return fmt.Errorf("%s: a table with constants has the columns %q or %q", t.at, fieldColumns, valueColumns)
	default:
		return nil
	}
	if pkg == "" {
		return fmt.Errorf("%s: no heading says which package the constants are in", t.at)
	}
	into[pkg] = append(into[pkg], t)
	if !slices.Contains(d.packages, pkg) {
		d.packages = append(d.packages, pkg)
	}
	return nil
}

func (d *document) add(columns []string, pkg, at string, cells []string) error {
	plain := func(i int) string { return strings.ReplaceAll(cells[i], "`", "") }
	switch {
	case slices.Equal(columns, fieldColumns):
		r, err := fieldRow(at, plain(0), plain(1), plain(2))
		if err != nil {
			return err
		}
		last := &d.fields[pkg][len(d.fields[pkg])-1]
		last.rows = append(last.rows, r)
	case slices.Equal(columns, valueColumns):
		last := &d.values[pkg][len(d.values[pkg])-1]
		last.rows = append(last.rows, row{at: at, value: plain(0), names: strings.Split(plain(1), ", ")})
	case slices.Equal(columns, stepColumns):
		m := stepName.FindStringSubmatch(cells[0])
		if m == nil {
			return fmt.Errorf("%s: %q is not a number and the name of a step", at, cells[0])
		}
		d.steps = append(d.steps, m[1])
	}
	return nil
}

func fieldRow(at, offset, size, names string) (row, error) {
	n, err := strconv.Atoi(offset)
	if err != nil || n < 0 {
		return row{}, fmt.Errorf("%s: %q is not an offset", at, offset)
	}
	return row{at: at, offset: n, size: size, names: strings.Split(names, ", ")}, nil
}

// commentTables finds the tables of fields in the comments of a file.
func commentTables(fset *token.FileSet, f *ast.File) (all []table, err error) {
	for _, group := range f.Comments {
		inside := false
		for _, c := range group.List {
			line := strings.TrimPrefix(c.Text, "//")
			at := fset.Position(c.Pos()).String()
			switch {
			case slices.Equal(strings.Fields(line), fieldColumns):
				inside = true
				all = append(all, table{at: at})
			case inside && strings.TrimSpace(line) == "":
				inside = false
			case inside:
				m := inComment.FindStringSubmatch(line)
				if m == nil {
					return nil, fmt.Errorf("%s: not a row of a table of fields", at)
				}
				r, err := fieldRow(at, m[1], m[2], m[3])
				if err != nil {
					return nil, err
				}
				last := &all[len(all)-1]
				last.rows = append(last.rows, r)
			}
		}
	}
	return all, nil
}
