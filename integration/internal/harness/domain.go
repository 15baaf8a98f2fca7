//go:build linux

package harness

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/shmbus/shmbus/topic"
)

// LayoutVersion is the version of the layout of this program.
const LayoutVersion = 5

// NewDomain makes a folder for a test's domain, which is d below it. At the end it checks that nothing but the registry file is left.
func NewDomain(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		checkEmpty(t, dir)
		os.RemoveAll(dir)
	})
	return dir
}

// checkEmpty joins the domain once more, as the next program would, and checks what is left after that has gone.
func checkEmpty(t testing.TB, dir string) {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
	if err != nil {
		t.Error(err)
		return
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	files, err := os.ReadDir(filepath.Join(dir, "d"))
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		if f.Name() != "registry" {
			t.Errorf("left in the domain: %s", f.Name())
		}
	}
}

// CountFiles returns how many files a domain has, with the registry file.
func CountFiles(t testing.TB, dir string) int {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(dir, "d"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// Files lists a domain, without the registry file.
func Files(t testing.TB, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(filepath.Join(dir, "d"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.Name() != "registry" {
			names = append(names, f.Name())
		}
	}
	return names
}
