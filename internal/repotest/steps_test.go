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

// stepsIn returns the rows of the table of CONTRIBUTING.md that says where the steps are: the steps of one function in the order of
// the source, the file, the function.
func stepsIn(files []*source) []string {
	var rows []string
	for _, s := range files {
		if s.file == nil || strings.HasSuffix(s.path, "_test.go") || s.dir() == "internal/repotest" {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			var steps []string
			ast.Inspect(f, func(n ast.Node) bool {
				if step, ok := failpointStep(n); ok && !slices.Contains(steps, step) {
					steps = append(steps, step)
				}
				return true
			})
			if len(steps) > 0 {
				rows = append(rows, fmt.Sprintf("| `%s` | `%s` | `%s` |", strings.Join(steps, "`, `"), s.path, declaredName(f)))
			}
		}
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
	if len(want) < 50 {
		t.Fatalf("only %d functions with steps were found", len(want))
	}
	for _, w := range missingSteps(string(text), want) {
		t.Error("CONTRIBUTING.md: " + w)
	}
	const document = "<!-- steps -->\n| steps | file | function |\n|---|---|---|\n| a |\n| b |\n\ntext\n"
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
