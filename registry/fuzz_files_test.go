//go:build linux

package registry

import (
	"encoding/binary"
	"log/slog"
	"os"
	"testing"

	"github.com/shmbus/shmbus/internal/stats"
)

// FuzzRegistryFile puts arbitrary bytes in the place of the registry file, and changes the file while it is mapped.
func FuzzRegistryFile(f *testing.F) {
	dir := domain(f)
	if err := os.Mkdir(dir, 0o700); err != nil {
		f.Fatal(err)
	}
	b, err := openBell(dir, 0o700, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	path := b.path
	b.close()
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good[:64], uint32(registrySize), uint32(registrySize), []byte{})
	f.Add(good[:64], uint32(registrySize), uint32(0), []byte{1, 2, 3})
	f.Add(good[:64], uint32(registrySize), uint32(pageSize), []byte{255, 255})
	f.Add(good[:12], uint32(100), uint32(0), []byte{})
	f.Add([]byte{}, uint32(0), uint32(registrySize), []byte{})
	f.Fuzz(func(t *testing.T, head []byte, size, later uint32, writes []byte) {
		if err := os.WriteFile(path, head[:min(len(head), registrySize)], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, int64(size%(4*registrySize))); err != nil {
			t.Fatal(err)
		}
		checkRegistryFile(path)
		b := &bell{dir: dir, path: path, mode: 0o600, log: slog.New(slog.DiscardHandler)}
		if err := b.open(); err != nil {
			return
		}
		defer b.close()
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for len(writes) >= 3 {
			file.WriteAt(writes[2:3], int64(binary.LittleEndian.Uint16(writes))%registrySize)
			writes = writes[3:]
		}
		file.Truncate(int64(later % (4 * registrySize)))
		var e waitWords
		in := everything()
		h := new(hints)
		for _, id := range []ID{1, 1023, ID(binary.NativeEndian.Uint64(append(append([]byte{}, head...), make([]byte, 8)...)))} {
			b.notifyJoin(id)
			b.noteChange(id)
			b.wakeInterested(KindPublisher, uint64(id), id)
			b.wakeInterested(KindSubscription, 0, id)
			b.wakeParticipant(id, []ID{1, 2, id})
			e.reset()
			b.collectWords(&e, id, in)
			b.changed(&e)
			if n := h.read(b); len(n.newcomers) > places {
				t.Fatalf("%d newcomers", len(n.newcomers))
			}
		}
		b.check()
	})
}

// FuzzSchema puts arbitrary bytes in the place of a schema file.
func FuzzSchema(f *testing.F) {
	path := f.TempDir() + "/schema"
	f.Add([]byte("schema"), uint32(6), checksum([]byte("schema")))
	f.Add([]byte("schema"), uint32(1<<32-1), uint32(0))
	f.Add([]byte{}, uint32(0), uint32(0))
	f.Fuzz(func(t *testing.T, content []byte, size, sum uint32) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := readSchema(path, os.Getuid(), schemaRef{size, sum})
		if err == nil && size != 0 && (string(b) != string(content) || checksum(b) != sum) {
			t.Fatalf("%d bytes were believed of %d", len(b), len(content))
		}
		if err == nil && size == 0 && b != nil {
			t.Fatal("a schema of nothing")
		}
	})
}

// FuzzFileNames splits names of files as a listing of the directory does.
func FuzzFileNames(f *testing.F) {
	for _, name := range []string{"0123456789abcdef.pub.1", "registry", "0123456789abcdef.schema.99999999999999999999", "..", "0123456789abcdef.reader"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		id, suffix, ok := parseFileName(name)
		if ok && id.String()+"."+suffix != name {
			t.Fatalf("%q is taken for %v and %q", name, id, suffix)
		}
	})
}

// FuzzFigures reads statistics from arbitrary bytes.
func FuzzFigures(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, stats.Size))
	f.Fuzz(func(t *testing.T, b []byte) {
		stats.ReadPublisher(b)
		s := stats.ReadSubscription(b)
		for _, q := range []float64{0, 0.5, 0.99, 1} {
			if p := stats.Percentile(&s.Latency, q); p < 0 {
				t.Fatalf("a percentile of %d", p)
			}
		}
	})
}
