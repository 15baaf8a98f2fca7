//go:build linux

package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const module = "github.com/shmbus/shmbus"

// Command runs a program in the domain below dir.
func Command(path, dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "SHMBUS_DIR="+dir, "SHMBUS_DOMAIN=d")
	return cmd
}

// BuildTests builds the test binary of the package that is tested without cgo and the race detector, for this machine unless env says
// otherwise.
func BuildTests(t testing.TB, path string, env ...string) {
	t.Helper()
	build(t, env, "test", "-c", "-vet=off", "-ldflags=-s -w", "-o", path, ".")
}

// BuildFile builds the program of one source file, for this machine unless env says otherwise.
func BuildFile(t testing.TB, path, source string, env ...string) {
	t.Helper()
	build(t, env, "build", "-o", path, source)
}

// BuildTool builds a command of this repository and returns its path.
func BuildTool(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	build(t, nil, "build", "-o", path, module+"/cmd/"+name)
	return path
}

func build(t testing.TB, env []string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
