package crash

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/layouttest"
)

// sameCode are the steps without a point of their own, with the step whose code takes them.
func sameCode() map[string]string {
	return map[string]string{
		"leave.files":       "clean.files",       // a leaving process removes its files as those of the dead are removed
		"leave.participant": "clean.participant", // the same
	}
}

// points returns the steps that the code has points after, with the files.
func points(t *testing.T) map[string][]string {
	t.Helper()
	at := map[string][]string{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "failpoint.At(") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); !ok || sel.Sel.Name != "At" {
				return true
			} else if x, ok := sel.X.(*ast.Ident); !ok || x.Name != "failpoint" {
				return true
			}
			name := "no plain name"
			if lit, ok := call.Args[0].(*ast.BasicLit); ok {
				name, _ = strconv.Unquote(lit.Value)
			}
			at[name] = append(at[name], path)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestFailpoints_EveryStepOfTheProtocolsHasOne(t *testing.T) {
	steps, err := layouttest.Steps("../..")
	if err != nil {
		t.Fatal(err)
	}
	have := points(t)
	for _, s := range steps {
		as, same := sameCode()[s]
		switch {
		case same && have[s] != nil:
			t.Errorf("%s has a point, and is said to be %s", s, as)
		case same && have[as] == nil:
			t.Errorf("%s is said to be %s, which has no point", s, as)
		case !same && have[s] == nil:
			t.Errorf("docs/protocol.md has a step %s, the code has no point after it", s)
		}
	}
	for s, where := range have {
		if !slices.Contains(steps, s) {
			t.Errorf("%v has a point after %s, docs/protocol.md has no such step", where, s)
		}
	}
	for s := range sameCode() {
		if !slices.Contains(steps, s) {
			t.Errorf("docs/protocol.md has no step %s", s)
		}
	}
}
