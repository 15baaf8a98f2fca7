package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// Every package type-checks for other systems and processors, with its tests. The type checker reads the sources of all imports, so
// nothing is compiled, which would take several times as long for each target. What only a compiler finds is left to the programs
// that are built for ARM and run under an emulator.
func TestOtherSystems(t *testing.T) {
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"linux/arm64", "linux/arm", "linux/386", "linux/riscv64", "darwin/arm64", "windows/amd64"} {
		t.Run(target, func(t *testing.T) {
			system, processor, _ := strings.Cut(target, "/")
			loaded, err := packages.Load(&packages.Config{
				Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedDeps | packages.NeedTypes |
					packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedTypesSizes | packages.NeedModule,
				Env:       append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+processor, "GOARM=7"),
				Tests:     true,
				ParseFile: parseFileOf(root),
			}, "./...")
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for p := range packages.Postorder(loaded) {
				if p.Module == nil || !p.Module.Main || strings.HasSuffix(p.PkgPath, ".test") {
					continue // an import, or what go test generates: without bodies it does not use all that it imports
				}
				for _, e := range p.Errors {
					if !seen[e.Error()] {
						seen[e.Error()] = true
						t.Error(e)
					}
				}
			}
			if len(loaded) < 50 {
				t.Errorf("only %d packages", len(loaded))
			}
		})
	}
}

// parseFileOf returns a parser that leaves out the bodies of the functions of files outside root: of imports only declarations matter.
func parseFileOf(root string) func(*token.FileSet, string, []byte) (*ast.File, error) {
	return func(fset *token.FileSet, name string, text []byte) (*ast.File, error) {
		file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
		if file == nil || strings.HasPrefix(name, root+string(filepath.Separator)) {
			return file, err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				f.Body = nil
			}
		}
		return file, err
	}
}
