//go:build linux && !shmbus_failpoints

package crash

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Programs have no points after steps: where the code names a step, nothing of that is left in a program, not even the name.
func TestFailpoints_NothingOfThemInPrograms(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	build := func(tags string) []byte {
		t.Helper()
		if out, err := exec.Command("go", "build", "-tags", tags, "-o", program, "../../samples/hello/publisher").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		text, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	named := func(text []byte) (found []string) {
		for step := range points(t) {
			if protocol, _, _ := strings.Cut(step, "."); protocol != "file" && bytes.Contains(text, []byte(step)) {
				found = append(found, step)
			}
		}
		return found
	}
	released := build("")
	if found := named(released); len(found) > 0 {
		t.Errorf("a program has the names of steps: %q", found)
	}
	f, err := elf.NewFile(bytes.NewReader(released))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if strings.Contains(s.Name, "failpoint") {
			t.Errorf("a program has the symbol %s", s.Name)
		}
	}
	if found := named(build("shmbus_failpoints")); len(found) < 90 {
		t.Errorf("built with points a program has the names of %d steps", len(found))
	}
}
