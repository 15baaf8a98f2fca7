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

// A row is one line of a table of fields.
type row struct {
	at     string // file and line
	offset int
	size   string   // bytes, or what they depend on
	names  []string // of the constants; in a comment only
	holds  string   // without code font
}

// bytes returns the size if it is a plain number.
func (r row) bytes() (n int, ok bool) {
	n, err := strconv.Atoi(r.size)
	return n, err == nil
}

func (r row) String() string {
	return fmt.Sprintf("%d %s %s", r.offset, r.size, r.label())
}

// label is what the text about the field begins with, up to a colon.
func (r row) label() string { return label.FindString(r.holds) }

// A value is a constant with its value, as the document writes it.
type value struct{ at, name, text string }

type table struct {
	at    string
	title string // the heading above it, without code font; in comments empty
	rows  []row
}

// A document is the parsed docs/format.md or docs/protocol.md.
type document struct {
	packages []string           // that it has tables of, in order
	fields   map[string][]table // per package
	values   map[string][]value
	steps    []string
}

var (
	fieldColumns   = []string{"offset", "size", "holds"}
	commentColumns = []string{"offset", "size", "constant", "holds"}
	stepColumns    = []string{"step", "writes", "seen", "left"}

	heading = regexp.MustCompile("^#+ (.*?)(?: \\(`([a-z/]+)`\\))?$")
	// A name of a step is what the step writes and what it is part of, such as publish.copy.
	stepName = regexp.MustCompile("^`([a-z]+(?:-[a-z]+)*\\.[a-z]+(?:-[a-z]+)*)`$")
	// inText is a constant with its value, a number or bare text.
	inText = regexp.MustCompile("`([A-Za-z]\\w*)` = (`[^`]+`|\\d\\w*)")
	label  = regexp.MustCompile(`^[a-z]+(?: [a-z]+)*:`)
	// inComment is a row of fields in a comment, without the slashes.
	inComment = regexp.MustCompile(`^\s*(\S+)\s+(\S+)\s+(\S+(?:, \S+)*)\s+(\S.*)$`)
)

// readDocument parses the document at path.
func readDocument(path string) (*document, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := &document{fields: map[string][]table{}, values: map[string][]value{}}
	var pkg, title string
	var columns, before []string // of the table that the line is in, and its row before, if any
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		at := fmt.Sprintf("%s:%d", path, i+1)
		if m := heading.FindStringSubmatch(line); m != nil {
			title = strings.ReplaceAll(m[1], "`", "")
			if strings.HasPrefix(line, "## ") || m[2] != "" {
				pkg = m[2]
			}
		}
		next := "" // a value may be on the line after its name
		if i+1 < len(lines) {
			next = lines[i+1]
		}
		joined := line + " " + next
		for _, m := range inText.FindAllStringSubmatchIndex(joined, -1) {
			name := joined[m[2]:m[3]]
			switch {
			case m[0] >= len(line):
			case pkg == "":
				return nil, fmt.Errorf("%s: no heading says which package %s is in", at, name)
			default:
				d.values[pkg] = append(d.values[pkg], value{at, name, strings.Trim(joined[m[4]:m[5]], "`")})
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
			before = nil
			continue
		case strings.Trim(cells[0], "-:") == "":
			continue
		case len(cells) != len(columns):
			return nil, fmt.Errorf("%s: %d cells in a table of %d columns", at, len(cells), len(columns))
		}
		if err := d.add(columns, pkg, at, cells, before); err != nil {
			return nil, err
		}
		before = cells
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
	switch {
	case slices.Equal(columns, fieldColumns):
	case slices.Contains(columns, "offset"):
		return fmt.Errorf("%s: a table of fields has the columns %q", t.at, fieldColumns)
	case slices.Contains(columns, "step") && !slices.Equal(columns, stepColumns):
		return fmt.Errorf("%s: a table of steps has the columns %q", t.at, stepColumns)
	default:
		return nil
	}
	if pkg == "" {
		return fmt.Errorf("%s: no heading says which package the fields are in", t.at)
	}
	d.fields[pkg] = append(d.fields[pkg], t)
	if !slices.Contains(d.packages, pkg) {
		d.packages = append(d.packages, pkg)
	}
	return nil
}

// ditto stands for the cell above.
const ditto = "″"

// add takes the cells of one row, of which before is the one above.
func (d *document) add(columns []string, pkg, at string, cells, before []string) error {
	plain := func(i int) string { return strings.ReplaceAll(cells[i], "`", "") }
	switch {
	case slices.Contains(cells, ""):
		return fmt.Errorf("%s: a cell is empty", at)
	case before == nil && slices.ContainsFunc(cells, func(c string) bool { return strings.Contains(c, ditto) }):
		return fmt.Errorf("%s: there is no cell above", at)
	case slices.Equal(columns, fieldColumns):
		r, err := fieldRow(at, plain(0), plain(1))
		if err != nil {
			return err
		}
		r.holds = plain(2)
		last := &d.fields[pkg][len(d.fields[pkg])-1]
		last.rows = append(last.rows, r)
	case slices.Equal(columns, stepColumns):
		m := stepName.FindStringSubmatch(cells[0])
		if m == nil {
			return fmt.Errorf("%s: %q is not the name of a step", at, cells[0])
		}
		d.steps = append(d.steps, m[1])
	}
	return nil
}

func fieldRow(at, offset, size string) (row, error) {
	n, err := strconv.Atoi(offset)
	if err != nil || n < 0 {
		return row{}, fmt.Errorf("%s: %q is not an offset", at, offset)
	}
	return row{at: at, offset: n, size: size}, nil
}

// commentTables finds the tables of fields in the comments of a file.
func commentTables(fset *token.FileSet, f *ast.File) (all []table, err error) {
	for _, group := range f.Comments {
		inside := false
		for _, c := range group.List {
			line := strings.TrimPrefix(c.Text, "//")
			at := fset.Position(c.Pos()).String()
			switch {
			case slices.Equal(strings.Fields(line), commentColumns):
				inside = true
				all = append(all, table{at: at})
			case inside && strings.TrimSpace(line) == "":
				inside = false
			case inside:
				m := inComment.FindStringSubmatch(line)
				if m == nil {
					return nil, fmt.Errorf("%s: not a row of a table of fields", at)
				}
				r, err := fieldRow(at, m[1], m[2])
				if err != nil {
					return nil, err
				}
				r.names, r.holds = strings.Split(m[3], ", "), m[4]
				last := &all[len(all)-1]
				last.rows = append(last.rows, r)
			}
		}
	}
	return all, nil
}
