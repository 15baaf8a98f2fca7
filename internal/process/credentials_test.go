//go:build linux

package process

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCredentialsAreThoseOfTheKernel(t *testing.T) {
	cmd := sleeper(t)
	start, err := StartTime(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	c, err := CredentialsOf(cmd.Process.Pid, start)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	want := append(groups, os.Getgid())
	slices.Sort(want)
	if c.UID != os.Geteuid() || !slices.Equal(c.Groups, slices.Compact(want)) {
		t.Errorf("%+v, want user %d and groups %v", c, os.Geteuid(), want)
	}
	if c, err := CredentialsOf(cmd.Process.Pid, start+1); err == nil {
		t.Errorf("%+v of a process that started at another time", c)
	}
}

func TestASetgidProgramHasNotTheGroupOfItsFile(t *testing.T) {
	c, err := parseStatus([]byte("Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 5 \n"))
	if err != nil || c.UID != 4 || !slices.Equal(c.Groups, []int{5, 9}) {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{"", "Uid:\t1\t2\t3\nGid:\t5\t6\t7\t8\nGroups:\t\n", "Uid:\tx\t2\t3\tx\nGid:\t5\t6\t7\t8\nGroups:\t\n"} {
		if c, err := parseStatus([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", strings.TrimSpace(bad), c)
		}
	}
}

func TestExecutable(t *testing.T) {
	cmd := sleeper(t)
	start, err := StartTime(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	want, err := filepath.EvalSymlinks(cmd.Path)
	if err != nil {
		t.Fatal(err)
	}
	exit, err := Watch(cmd.Process.Pid, start)
	if err != nil {
		t.Fatal(err)
	}
	defer exit.Close()
	if path, err := ExecutableOf(cmd.Process.Pid, start); path != want || err != nil {
		t.Errorf("%q, %v", path, err)
	}
	if path, err := exit.Executable(); path != want || err != nil {
		t.Errorf("of the one that is watched: %q, %v", path, err)
	}
	if path, err := ExecutableOf(cmd.Process.Pid, start+1); err == nil {
		t.Errorf("%q of a process that started at another time", path)
	}
}

func TestMappedFiles(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	f, err := os.Create(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	mapped := func() bool {
		t.Helper()
		file := FileID{uint64(st.Dev), st.Ino}
		all, err := MappedFiles(self.PID, self.StartTime, []FileID{{file.Dev, file.Ino + 1<<40}, file, {file.Dev + 1<<20, file.Ino}})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > 1 || len(all) == 1 && !all[file] {
			t.Errorf("others count as mapped: %v of %v", all, file)
		}
		return all[file]
	}
	if mapped() {
		t.Error("a file that is only open counts as mapped")
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(b)
	if !mapped() {
		t.Error("a mapped file is not found")
	}
}
