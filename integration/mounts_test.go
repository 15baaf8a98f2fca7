//go:build linux

package integration

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// used is how many bytes a file system has given out.
func used(t testing.TB, dir string) int64 {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Blocks-st.Bfree) * int64(st.Bsize)
}

// available is how many bytes a file system still gives to anybody.
func available(t testing.TB, dir string) int64 {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Bavail) * int64(st.Bsize)
}

// mountOn mounts a file system on a directory until the test is over. Root alone may; without it the test is left out, and
// fails where that must not be.
func mountOn(t testing.TB, dir, kind string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(kind, dir, kind, flags, data); err != nil {
		needRoot(t, fmt.Errorf("mount a %s: %w", kind, err))
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// needRoot leaves a test out that only root can run.
func needRoot(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	t.Skipf("%v; run this test as root", err)
}
