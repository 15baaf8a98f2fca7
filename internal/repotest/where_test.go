package repotest

import (
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var whereTable = regexp.MustCompile(`(?s)<!-- where -->\n\| [^\n]*\n\|[-|]*\n(.*?)(?:\n\n|\n?$)`)

// nowhere returns what the table of changes names and the tree does not have: files, folders, and what the Go file named before it
// declares. It also returns the number of rows.
func nowhere(tree fs.FS, document string) (rows int, wrong []string) {
	m := whereTable.FindStringSubmatch(document)
	if m == nil {
		return 0, []string{"no table says where to change what"}
	}
	names := map[string]map[string]bool{} // by file
	for row := range strings.SplitSeq(strings.TrimSpace(m[1]), "\n") {
		rows++
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if len(cells) != 2 || !strings.Contains(cells[1], "`") {
			wrong = append(wrong, "not a change and where it is: "+row)
			continue
		}
		file := ""
		for _, code := range inlineCode.FindAllString(cells[1], -1) {
			code = strings.Trim(code, "`")
			if strings.Contains(code, "/") {
				file = code
				if _, err := fs.Stat(tree, file); err != nil {
					wrong = append(wrong, err.Error())
				}
				continue
			}
			if names[file] == nil {
				names[file] = declaredIn(tree, file)
			}
			if !names[file][code] {
				wrong = append(wrong, fmt.Sprintf("%q declares no %s", file, code))
			}
		}
	}
	return rows, wrong
}

// declaredIn are the functions, types, constants and variables of a Go file; methods and fields are Type.name.
func declaredIn(tree fs.FS, file string) map[string]bool {
	names := map[string]bool{}
	text, err := fs.ReadFile(tree, file)
	if err != nil || path.Ext(file) != ".go" {
		return names
	}
	s, err := parse(file, text)
	if err != nil {
		return names
	}
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			names[declaredName(f)] = true
			continue
		}
		for _, spec := range d.(*ast.GenDecl).Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, id := range spec.Names {
					names[id.Name] = true
				}
			case *ast.TypeSpec:
				names[spec.Name.Name] = true
				if t, ok := spec.Type.(*ast.StructType); ok {
					for _, f := range t.Fields.List {
						for _, id := range f.Names {
							names[spec.Name.Name+"."+id.Name] = true
						}
					}
				}
			}
		}
	}
	return names
}

// TestArchitecture_WhereToChange compares the table of changes with the source.
func TestArchitecture_WhereToChange(t *testing.T) {
	text, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, wrong := nowhere(os.DirFS("."), string(text))
	if rows < 40 {
		t.Errorf("only %d kinds of changes", rows)
	}
	for _, w := range wrong {
		t.Error("CONTRIBUTING.md: " + w)
	}
	files := fstest.MapFS{"a/a.go": {Data: []byte("package a\n\nconst c = 1\n\ntype T[E any] struct{ f E }\n\nfunc (t *T[E]) m() {}\n\n" +
		"type U[E, F any] struct{}\n\nfunc (U[E, F]) n() {}\n")}, "a/b.pml": {}}
	for row, want := range map[string]int{
		"| x | `a/a.go`: `c`, `T`, `T.f`, `T.m`, `U.n`; `a/b.pml` |": 0, "| x | `a` |": 1, "| x | `a/`; `a/b.go` |": 2, "| x | `a/a.go`: `T.g`, `m` |": 2,
		"| x | `a/b.pml`: `c` |": 1, "| x | y |": 1, "| x |": 1,
	} {
		if _, wrong := nowhere(files, "<!-- where -->\n| change | where |\n|---|---|\n"+row+"\n\ntext"); len(wrong) != want {
			t.Errorf("%s: %q, want %d", row, wrong, want)
		}
	}
	if _, wrong := nowhere(files, "text"); len(wrong) != 1 {
		t.Errorf("no table: %q", wrong)
	}
}
