package repotest

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// stepsIn returns the rows of the table of CONTRIBUTING.md that says where the steps are: first word of a step, file, functions.
func stepsIn(files []*source) []string {
	functions := map[[2]string][]string{} // by first word and file
	for _, s := range files {
		if s.file == nil || strings.HasSuffix(s.path, "_test.go") || s.dir() == "internal/repotest" {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if step, ok := failpointStep(n); ok {
					first, _, _ := strings.Cut(step, ".")
					at := [2]string{first, s.path}
					if name := declaredName(f); !slices.Contains(functions[at], name) {
						functions[at] = append(functions[at], name)
					}
				}
				return true
			})
		}
	}
	var rows []string
	for at, names := range functions {
		slices.Sort(names)
		rows = append(rows, fmt.Sprintf("| `%s` | `%s` | `%s` |", at[0], at[1], strings.Join(names, "`, `")))
	}
	slices.Sort(rows)
	return rows
}

// failpointStep is the step of a call of failpoint.At.
func failpointStep(n ast.Node) (step string, ok bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return "", false
	}
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || fun.Sel.Name != "At" {
		return "", false
	}
	x, isPackage := fun.X.(*ast.Ident)
	lit, isLiteral := call.Args[0].(*ast.BasicLit)
	if !isPackage || x.Name != "failpoint" || !isLiteral || lit.Kind != token.STRING {
		return "", false
	}
	step, err := strconv.Unquote(lit.Value)
	return step, err == nil
}

var stepsTable = regexp.MustCompile(`(?s)<!-- steps -->\n\| [^\n]*\n\|[-|]*\n(.*?)(?:\n\n|\n?$)`)

// missingSteps compares the rows of the table with those of the source.
func missingSteps(document string, want []string) (wrong []string) {
	m := stepsTable.FindStringSubmatch(document)
	if m == nil {
		return []string{"no table says where the steps are"}
	}
	have := map[string]bool{}
	for _, row := range strings.Split(strings.TrimSpace(m[1]), "\n") {
		have[row] = true
	}
	for _, row := range want {
		if !have[row] {
			wrong = append(wrong, "the table lacks "+row)
		}
		delete(have, row)
	}
	for _, row := range slices.Sorted(maps.Keys(have)) {
		wrong = append(wrong, "no failpoint is as in "+row)
	}
	return wrong
}

func TestProtocol_FunctionsOfTheSteps(t *testing.T) {
	text, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	want := stepsIn(tree(t))
	if len(want) < 30 {
		t.Fatalf("only %d pairs of steps and files were found", len(want))
	}
	for _, w := range missingSteps(string(text), want) {
		t.Error("CONTRIBUTING.md: " + w)
	}
	const document = "<!-- steps -->\n| steps | file | functions |\n|---|---|---|\n| a |\n| b |\n\ntext\n"
	for _, c := range []struct {
		document string
		want     []string
		wrong    int
	}{{document, []string{"| a |", "| b |"}, 0}, {document, []string{"| a |"}, 1}, {document, []string{"| a |", "| c |"}, 2}, {"text", nil, 1}} {
		if wrong := missingSteps(c.document, c.want); len(wrong) != c.wrong {
			t.Errorf("%q, %q: %q", c.document, c.want, wrong)
		}
	}
}
