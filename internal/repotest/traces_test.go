package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

// maxTraced is the largest number of functions that a call may run through before it accesses shared memory.
const maxTraced = 12

// TestArchitecture_Traces compares the traces of docs/architecture.md with the source: each function is in the file that the
// document names, and a file of an earlier function refers to it.
func TestArchitecture_Traces(t *testing.T) {
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(text), "<!-- traces -->\n")
	if !ok {
		t.Fatal("docs/architecture.md has no traces")
	}
	list, _, _ = strings.Cut(list, "\n\n")
	traces := strings.Split(list, "\n- ")
	if len(traces) != 4 {
		t.Fatalf("%d traces", len(traces))
	}
	for _, trace := range traces {
		call, steps, _ := strings.Cut(strings.TrimPrefix(trace, "- "), ":")
		t.Run(strings.Trim(call, "*"), func(t *testing.T) { checkTrace(t, steps) })
	}
}

func checkTrace(t *testing.T, steps string) {
	before, _, ok := strings.Cut(steps, "→")
	if !ok {
		t.Error("no arrow says where shared memory is accessed")
	}
	code := regexp.MustCompile("`([^`]+)`")
	functions := 0
	file := ""
	earlier := map[string]string{} // sources by file
	for _, m := range code.FindAllStringSubmatch(steps, -1) {
		name := m[1]
		if strings.HasSuffix(name, ".go") {
			file = name
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !declares(t, file, src, name) {
			t.Errorf("%s has no %s", file, name)
		}
		method := name[strings.LastIndex(name, ".")+1:]
		called := len(earlier) == 0
		for _, from := range earlier {
			called = called || regexp.MustCompile(`\b`+method+`\b`).MatchString(from)
		}
		if !called {
			t.Errorf("no function before %s refers to it", name)
		}
		earlier[file] = string(src)
		functions++
	}
	traced := 0
	for _, m := range code.FindAllStringSubmatch(before, -1) {
		if !strings.HasSuffix(m[1], ".go") {
			traced++
		}
	}
	if traced > maxTraced {
		t.Errorf("%d functions before shared memory is accessed, at most %d", traced, maxTraced)
	}
	t.Logf("%d functions, %d of them before shared memory is accessed", functions, traced)
}

// declares reports whether a file declares a function or, as Type.Name, a method.
func declares(t *testing.T, file string, src []byte, name string) bool {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if ok && declaredName(f) == name {
			return true
		}
	}
	return false
}

func declaredName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	typ := f.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	switch generic := typ.(type) {
	case *ast.IndexExpr:
		typ = generic.X
	case *ast.IndexListExpr:
		typ = generic.X
	}
	return typ.(*ast.Ident).Name + "." + f.Name.Name
}
