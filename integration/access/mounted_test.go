//go:build linux

package access

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/registry"
)

// The participant file of the dead is removed last, because the other files are not looked for without it. A file with something mounted
// on it cannot be removed by a process that sees the mount.
func TestFileOfTheDead_ThatStaysKeepsTheParticipantFile(t *testing.T) {
	dir := harness.NewDomain(t)
	domain := filepath.Join(dir, "d")
	c := harness.StartPublisher(t, dir, harness.Publish{Topic: "t", Size: 2000}).Ready()
	files, err := filepath.Glob(filepath.Join(domain, "*.pub.*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v", files, err)
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(other, files[0], "", syscall.MS_BIND, ""); err != nil {
		harness.NeedRoot(t, fmt.Errorf("mount on a file: %w", err))
	}
	defer syscall.Unmount(files[0], syscall.MNT_DETACH) // if the test ends early
	c.Kill()
	for range 2 {
		_, err := registry.Clean(domain, false)
		if err == nil {
			t.Fatal("removed what something is mounted on")
		}
		harness.WantParts(t, err.Error(), "files of the dead cannot be removed", files[0], "busy")
	}
	left, err := os.ReadDir(domain)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasSuffix(e.Name(), ".participant") }) {
		t.Errorf("the participant file is gone: %v", left)
	}
	if err := syscall.Unmount(files[0], 0); err != nil {
		t.Fatal(err)
	}
	if removed, err := registry.Clean(domain, false); err != nil || len(removed) != 2 {
		t.Errorf("removed %q, %v", removed, err)
	}
}
