//go:build linux

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// command runs a tool of this repository in the domain below dir.
func command(path, dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "SHMBUS_DIR="+dir, "SHMBUS_DOMAIN=d")
	return cmd
}

// build builds a package of this repository, for this machine unless env says otherwise.
func build(t testing.TB, path, pkg string, env ...string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-o", path, pkg)
	if strings.HasPrefix(pkg, ".") && !strings.HasPrefix(pkg, "..") {
		cmd = exec.Command("go", "test", "-c", "-o", path, pkg)
	}
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// tool is a command of this repository, built.
func tool(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	build(t, path, "../cmd/"+name)
	return path
}
