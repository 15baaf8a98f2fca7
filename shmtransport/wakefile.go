package shmtransport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
)

// A WakeFile holds the bells of a participant's publishers. It is separate from the publisher files because read access
// to a bell is enough to move sleepers to another word, so only processes that take part may open it. Its methods may
// be called concurrently.
type WakeFile struct {
	file *shm.File
	m    *shm.Mapping

	mu     sync.Mutex
	closed bool
}

// CreateWakeFile makes the file at path, which must not exist.
func CreateWakeFile(path, dir string, mode fs.FileMode, id uint64) (_ *WakeFile, err error) {
	f, err := shm.Create(dir, wakeFileSize, mode)
	if err != nil {
		return nil, err
	}
	w := &WakeFile{file: f}
	defer func() {
		if err != nil {
			w.m.Unmap()
			f.Close()
		}
	}()
	if err := f.Reserve(0, wakeFileSize); err != nil {
		return nil, err
	}
	failpoint.At("file.reserve")
	if w.m, err = f.Map(0, wakeFileSize, true); err != nil {
		return nil, err
	}
	b := w.m.Bytes()
	mem.Uint32(b, wakeOffVersion).Store(LayoutVersion)
	mem.Uint64(b, wakeOffOwner).Store(id)
	mem.Uint64(b, wakeOffMagic).Store(wakeMagic)
	return w, f.Publish(path)
}

// bell returns the bell of a publisher. The publisher's Writer must be closed before the file is.
func (w *WakeFile) bell(number uint32) *atomic.Uint32 {
	return mem.Uint32(w.m.Bytes(), bellOffset(number))
}

// Close removes the file's name and unmaps it. Mappings of readers stay valid.
func (w *WakeFile) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	err := os.Remove(w.file.Path())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	failpoint.At("leave.wake")
	return errors.Join(err, w.m.Unmap(), w.file.Close())
}

// bellOffset returns the offset of a publisher's bell in a wake file. Publishers with consecutive numbers have bells in
// different cache lines. Publishers that share a bell cause each other's readers to check once more than needed.
func bellOffset(number uint32) int {
	const perLine = 64 / 4
	return wakeOffBells + int(number%wakeLines)*64 + int(number/wakeLines%perLine)*4
}

// InspectWakeFile checks the wake file of a participant, without mapping it. Invalid content is a *errdefs.CorruptError,
// another layout a *errdefs.VersionError.
func InspectWakeFile(path string, id uint64) error {
	f, err := shm.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return checkWakeFile(f, id)
}

func checkWakeFile(f *shm.File, id uint64) error {
	var h [wakeOffOwner + 8]byte
	if _, err := f.ReadAt(h[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	corrupt := func(format string, args ...any) error {
		return &errdefs.CorruptError{Path: f.Path(), What: fmt.Sprintf(format, args...)}
	}
	if magic := binary.NativeEndian.Uint64(h[wakeOffMagic:]); magic != wakeMagic {
		return corrupt("magic %#x is not that of a wake file", magic)
	}
	if v := binary.NativeEndian.Uint32(h[wakeOffVersion:]); v != LayoutVersion {
		return &errdefs.VersionError{Path: f.Path(), Found: v, Known: LayoutVersion}
	}
	if owner := binary.NativeEndian.Uint64(h[wakeOffOwner:]); owner != id {
		return corrupt("it belongs to participant %016x", owner)
	}
	if size, err := f.Size(); err != nil {
		return err
	} else if size != wakeFileSize {
		return corrupt("it has %d bytes instead of %d", size, wakeFileSize)
	}
	return nil
}
