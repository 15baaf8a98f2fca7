//go:build linux

package harness

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/shmbus/shmbus/internal/shm"
)

// A Forged participant is a participant's file without a process that has joined. The test holds the lock of the file as long as the
// participant is to live.
type Forged struct {
	Path string

	file *os.File
}

// Forge makes the file of a participant with a pid. alter may change the header; the checksum is made right. The domain must have a
// participant, whose file is the model.
func Forge(t testing.TB, dir string, pid int, alter func(header []byte)) *Forged {
	t.Helper()
	const offPID, offID, offExec, offUnit, offCRC, offState, offText, size = 12, 16, 56, 58, 60, 72, 128, 4096
	b := make([]byte, size)
	self, err := filepath.Glob(filepath.Join(dir, "d", "*.participant"))
	if err != nil || len(self) == 0 {
		t.Fatalf("the domain has no participant to imitate: %v", err)
	}
	model, err := os.Open(self[0])
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	if _, err := model.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	clear(b[64:offText]) // no endpoints
	id := rand.Uint64() | 1
	binary.NativeEndian.PutUint32(b[offState:], 1)
	binary.NativeEndian.PutUint32(b[offPID:], uint32(pid))
	binary.NativeEndian.PutUint64(b[offID:], id)
	if alter != nil {
		alter(b)
	}
	texts := int(binary.NativeEndian.Uint16(b[offExec:])) + int(binary.NativeEndian.Uint16(b[offUnit:]))
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.NativeEndian.PutUint32(b[offCRC:], crc32.Update(crc32.Checksum(b[:offCRC], table), table, b[offText:offText+texts]))
	f := &Forged{Path: filepath.Join(dir, "d", fmt.Sprintf("%016x.participant", id))}
	// The name is no participant's until the file is locked.
	if f.file, err = os.OpenFile(f.Path+".new", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.End)
	if _, err := f.file.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := shm.Lock(f.file); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.Path+".new", f.Path); err != nil {
		t.Fatal(err)
	}
	return f
}

// End drops the lock, as the kernel does when a process ends, and leaves the file.
func (f *Forged) End() { f.file.Close() }
