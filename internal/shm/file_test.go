//go:build linux

package shm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmbus/shmbus/internal/errdefs"
)

func TestAFileHasNoNameUntilItIsPublished(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(dir, 4096, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Fatalf("an unfinished file is visible: %v", names)
	}
	path := filepath.Join(dir, "a")
	if err := f.Publish(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o640 {
		t.Fatalf("mode %v, want 0640", info.Mode())
	}
}

func TestTheModeIgnoresTheUmask(t *testing.T) {
	old := syscall.Umask(0o777)
	f, err := Create(t.TempDir(), 1, 0o600)
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.f.Stat()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
}

func TestPublishNeverReplacesAFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Create(dir, 4096, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Publish(path); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("got %v, want fs.ErrExist", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Fatalf("the file now holds %q", b)
	}
}

func TestTheLockLivesAsLongAsItsOwnerHoldsTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	owner, err := Create(dir, 4096, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(owner.Lock(), owner.Publish(path)); err != nil {
		t.Fatal(err)
	}
	other, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if held, err := other.Locked(); err != nil || !held {
		t.Fatalf("held %v, %v; want true", held, err)
	}
	m, err := owner.Map(0, 4096, true)
	if err != nil {
		t.Fatal(err)
	}
	owner.Close()
	if held, err := other.Locked(); err != nil || !held {
		t.Fatalf("held %v, %v while the owner still maps the file; want true", held, err)
	}
	m.Unmap()
	if held, err := other.Locked(); err != nil || held {
		t.Fatalf("held %v, %v after the owner let go; want false", held, err)
	}
}

// A group member may open the files of others for reading, and the kernel lets it lock them as a reader.
func TestALockOfAMereReaderDoesNotKeepTheDeadAlive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	owner, err := Create(filepath.Dir(path), 4096, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(owner.Lock(), owner.Publish(path)); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	owner.Close()
	lk := syscall.Flock_t{Type: syscall.F_RDLCK}
	if err := syscall.FcntlFlock(reader.Fd(), unix.F_OFD_SETLK, &lk); err != nil {
		t.Fatal(err)
	}
	other, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if held, err := other.Locked(); err != nil || held {
		t.Fatalf("held %v, %v, by somebody who can only read; want false", held, err)
	}
}

func TestMapRefusesWhatTheFileDoesNotHave(t *testing.T) {
	f, err := Create(t.TempDir(), 4096, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, r := range []struct {
		off int64
		n   int
	}{{0, 4097}, {4096, 1}, {8192, 4096}, {-4096, 4096}, {0, 0}, {0, -1}} {
		if m, err := f.Map(r.off, r.n, false); err == nil {
			m.Unmap()
			t.Errorf("[%d, +%d) was mapped", r.off, r.n)
		}
	}
}

func TestReserveSaysWhatIsMissing(t *testing.T) {
	f, err := Create("/dev/shm", 0, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const huge = 1 << 50
	var space *errdefs.SpaceError
	if err := f.Reserve(0, huge); !errors.As(err, &space) {
		t.Fatalf("got %v, want a *errdefs.SpaceError", err)
	}
	if space.Needed != huge || space.Available <= 0 || space.Available >= huge {
		t.Fatalf("implausible figures: %+v", space)
	}
}
