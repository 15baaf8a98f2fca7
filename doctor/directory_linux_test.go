package doctor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/shm"
)

func TestExamine_MissingDomain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nope")
	r := examine(t, dir)
	if f := only(t, r, Absent, Note); r.Exists || !strings.Contains(f.What, dir) {
		t.Errorf("%+v", f)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("examining made it: %v", err)
	}
}

func TestExamine_FileInPlaceOfTheDomain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	only(t, examine(t, path), BadDirectory, Problem)
}

func TestExamine_BadOptions(t *testing.T) {
	if r, err := Examine(t.Context(), "d", nil); err == nil {
		t.Error(r)
	}
	for _, sample := range []time.Duration{-1, 1, MinSample - 1, MaxSample + 1} {
		if r, err := Examine(t.Context(), t.TempDir(), &Options{Sample: sample}); err == nil {
			t.Error(sample, r)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := Examine(ctx, t.TempDir(), nil); !errors.Is(err, context.Canceled) {
		t.Error(r, err)
	}
}

func TestExamine_UnexpectedFiles(t *testing.T) {
	w := newWard(t)
	for _, name := range []string{"notes.txt", "other"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if f := only(t, examine(t, w.dir), Foreign, Note); !slices.Equal(f.Files, []string{"notes.txt", "other"}) {
		t.Errorf("%+v", f)
	}
	os.Remove(filepath.Join(w.dir, "notes.txt"))
	os.Remove(filepath.Join(w.dir, "other"))

	link := filepath.Join(w.dir, "00000000000000aa.reader")
	for what, seed := range map[string]func() error{
		"directory":     func() error { return os.Mkdir(link, 0o700) },
		"symbolic link": func() error { return os.Symlink("/dev/zero", link) },
		"pipe":          func() error { return syscall.Mkfifo(link, 0o600) },
	} {
		if err := seed(); err != nil {
			t.Fatal(err)
		}
		if f := only(t, examine(t, w.dir), NotAFile, Warning); !strings.Contains(f.What, what) {
			t.Errorf("%+v", f)
		}
		os.Remove(link)
	}
}

// The control socket of a recorder or player is no unexpected file. One of a dead process is reported as the rest of its files.
func TestExamine_ControlSockets(t *testing.T) {
	w := newWard(t)
	socket := func(name string) string {
		path := filepath.Join(w.dir, name)
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		l.Close()
		return path
	}
	alive := socket(w.p.ID().String() + ".control.0")
	if found := others(examine(t, w.dir)); len(found) != 0 {
		t.Errorf("%+v", found)
	}
	os.Remove(alive)
	if err := os.WriteFile(alive, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if f := only(t, examine(t, w.dir), NotAFile, Warning); !strings.Contains(f.What, "is no socket but a file") {
		t.Errorf("%+v", f)
	}
	os.Remove(alive)
	if err := w.p.Close(); err != nil { // no program is left that cleans
		t.Fatal(err)
	}
	left := filepath.Base(socket("00000000000000aa.control.0"))
	if f := only(t, examine(t, w.dir), Dead, Warning); !slices.Equal(f.Files, []string{left}) || !strings.Contains(f.Command, "clean") {
		t.Errorf("%+v", f)
	}
}

func TestExamine_MissingRegistryFile(t *testing.T) {
	w := newWard(t)
	path := w.file("registry")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	only(t, examine(t, w.dir), NotAFile, Problem)
}

// litter leaves the files of participants, without locks.
func litter(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 4096), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExamine_DeadParticipants(t *testing.T) {
	w := newWard(t)
	dir := filepath.Join(filepath.Dir(w.dir), "grave")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// A participant of another boot: what this one says of itself, with another boot id and a checksum that is right.
	head, err := os.ReadFile(w.file(".participant"))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(w.file(".participant"))
	head = head[:4096]
	copy(head[32:48], "another boot id.")
	texts := int(binary.NativeEndian.Uint16(head[56:])) + int(binary.NativeEndian.Uint16(head[58:]))
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	binary.NativeEndian.PutUint32(head[60:], crc32.Update(crc32.Checksum(head[:60], castagnoli), castagnoli, head[128:128+texts]))
	if err := os.WriteFile(filepath.Join(dir, name), head, 0o600); err != nil {
		t.Fatal(err)
	}
	r := examine(t, dir)
	f := only(t, r, Dead, Warning)
	if r.Dead != 1 || f.Unit != "ward" || !strings.Contains(f.What, "another boot") || !strings.Contains(f.Why, "No program is left here") {
		t.Errorf("%+v", f)
	}
	// Nothing of it can be read, and it is dead all the same.
	os.Remove(filepath.Join(dir, name))
	litter(t, dir, "00000000000000aa.participant", "00000000000000aa.pub.7")
	if f := only(t, examine(t, dir), Dead, Warning); f.FileCount != 2 || f.Participant != 0xaa {
		t.Errorf("%+v", f)
	}
	for i := range maxPerFault + 50 {
		litter(t, dir, fmt.Sprintf("%016x.pub.1", i+1))
	}
	if r := examine(t, dir); r.Count(Warning) != maxPerFault || r.Findings[len(r.Findings)-1].Fault != NotShown || r.Dead != maxPerFault+51 {
		t.Errorf("%d findings, %d dead, the last %+v", len(r.Findings), r.Dead, r.Findings[len(r.Findings)-1])
	}
}

// tmpfs mounts a file system of so many bytes for a test.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	asRoot(t)
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size+",mode=0700", "shmbus-test", dir).CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("mount a tmpfs: %v: %s", err, out)
		}
		t.Skipf("this test mounts a tmpfs, which is not allowed here (run it in a container with CAP_SYS_ADMIN): %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return dir
}

func TestExamine_NearlyFullFileSystem(t *testing.T) {
	parent := tmpfs(t, "4m")
	t.Run("mounted", func(t *testing.T) {
		w := admit(t, parent, "d")
		if found := examine(t, w.dir); len(found.Findings) != 0 || found.FileSystem.Size != 4<<20 || !found.FileSystem.Tmpfs {
			t.Fatalf("%+v", found)
		}
		for left, want := range map[int64]Severity{300 << 10: Warning, 16 << 10: Problem} {
			space, err := shm.SpaceAt(parent)
			if err != nil {
				t.Fatal(err)
			}
			filler := filepath.Join(parent, "filler")
			if err := os.WriteFile(filler, make([]byte, space.Available-left), 0o600); err != nil {
				t.Fatal(err)
			}
			r := examine(t, w.dir)
			if len(r.Findings) != 1 || r.Findings[0].Fault != NearlyFull || r.Findings[0].Severity != want ||
				r.FileSystem.Available != left || r.FileSystem.Used != 4<<20-left || r.FileSystem.Domain > 1<<20 {
				t.Errorf("with %d left: %+v", left, r)
			}
			os.Remove(filler)
		}
		w.p.Close()
	})
}

func TestExamine_NotTmpfs(t *testing.T) {
	dir := t.TempDir()
	if space, err := shm.SpaceAt(dir); err != nil || space.Tmpfs {
		if os.Getenv("CI") != "" {
			t.Fatal("the directory for temporary files is a tmpfs; set TMPDIR to one on a disk", err)
		}
		t.Skip("the directory for temporary files is a tmpfs; set TMPDIR to one on a disk", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	only(t, examine(t, dir), NotTmpfs, Warning)
}

func TestFinding_CommandsCanBePasted(t *testing.T) {
	for s, want := range map[string]string{"/dev/shm/d": "/dev/shm/d", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "$(x)": "'$(x)'"} {
		if got := quote(s); got != want {
			t.Errorf("%q is quoted as %s", s, got)
		}
	}
}
