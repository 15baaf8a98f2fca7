//go:build linux

package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// NeedRoot skips a test that needs root, and fails it in CI.
func NeedRoot(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	t.Skipf("%v; run this test as root", err)
}

// Mount mounts a file system on a directory until the end of the test, which needs root.
func Mount(t testing.TB, dir, kind string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(kind, dir, kind, flags, data); err != nil {
		NeedRoot(t, fmt.Errorf("mount a %s: %w", kind, err))
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// NewSmallDomain makes a domain on a file system of its own, whose size is written as for mount.
func NewSmallDomain(t testing.TB, size string) string {
	t.Helper()
	dir := NewDomain(t)
	t.Cleanup(func() { os.Mkdir(filepath.Join(dir, "d"), 0o700) }) // after the unmount
	Mount(t, dir, "tmpfs", 0, "size="+size)
	t.Cleanup(func() { checkEmpty(t, dir) })
	return dir
}

// FillUp takes all space of a file system, with a file.
func FillUp(t testing.TB, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
}

// Used is how many bytes a file system has given out.
func Used(t testing.TB, dir string) int64 {
	t.Helper()
	st := statfs(t, dir)
	return int64(st.Blocks-st.Bfree) * int64(st.Bsize)
}

// Available is how many bytes a file system still gives to a user.
func Available(t testing.TB, dir string) int64 {
	t.Helper()
	st := statfs(t, dir)
	return int64(st.Bavail) * int64(st.Bsize)
}

func statfs(t testing.TB, dir string) (st syscall.Statfs_t) {
	t.Helper()
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return st
}
