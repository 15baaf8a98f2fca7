package repotest

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// Every package type-checks for other systems and processors, with its tests. The type checker reads the sources of all imports, so
// nothing is compiled, which would take several times as long for each target. What only a compiler finds is left to the programs
// that are built for ARM and run under an emulator.
func TestOtherSystems(t *testing.T) {
	for _, target := range []string{"linux/arm", "linux/386", "linux/riscv64", "darwin/arm64", "windows/amd64"} {
		t.Run(target, func(t *testing.T) {
			system, processor, _ := strings.Cut(target, "/")
			loaded, err := packages.Load(&packages.Config{
				Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedDeps | packages.NeedTypes |
					packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedTypesSizes,
				Env:   append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+processor, "GOARM=7"),
				Tests: true,
			}, "./...")
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for p := range packages.Postorder(loaded) {
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
