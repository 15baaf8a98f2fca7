package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/shm"
)

// A LostFileError says that another program removed, moved or cut a recording while it was written.
type LostFileError struct {
	Path string
	What string // what the other program did: "removed it"
}

func (e *LostFileError) Error() string {
	return fmt.Sprintf("%s is not what was recorded: another program %s meanwhile", e.Path, e.What)
}

// A destination is what a recording is written to: a file, or something that takes a stream.
type destination struct {
	file   *os.File
	path   string
	stream bool  // neither can be cut nor synced
	size   int64 // bytes written, of a file

	ending atomic.Bool   // the recording ends: a stream's reader has the time left to take the rest
	left   time.Duration // of takeTime
}

// createDestination makes the file under its final name at once, so that a recorder that is killed leaves it where it is
// looked for. It is locked as long as it is written: two recorders in one file would spoil it for both. Pipes and character
// devices are streamed to.
func createDestination(path string, force bool) (*destination, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil || info.Mode().IsRegular():
		return createFile(path, force)
	case info.Mode().IsDir():
		return nil, fmt.Errorf("open %s: it is a directory; name a file in it", path)
	case info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) == 0:
		return nil, fmt.Errorf("open %s: it is a %s; a recording is written to a file, or streamed to a pipe", path, kindOf(info.Mode()))
	}
	f, err := openStream(path)
	if err != nil {
		return nil, err
	}
	return &destination{file: f, path: path, stream: true, left: takeTime}, nil
}

func kindOf(m fs.FileMode) string {
	if m&fs.ModeSocket != 0 {
		return "socket"
	}
	return "device"
}

func createFile(path string, force bool) (*destination, error) {
	flags := os.O_WRONLY | os.O_CREATE
	if !force {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w; name another file or have it replaced (--force)", err)
	}
	if err != nil {
		return nil, err
	}
	if err := takeOver(f); err != nil {
		f.Close()
		return nil, err
	}
	return &destination{file: f, path: path}, nil
}

// takeOver empties the file, unless another recorder writes it.
func takeOver(f *os.File) error {
	if err := shm.Lock(f); errors.Is(err, shm.ErrLocked) {
		return fmt.Errorf("another recorder writes %s; name another file or end that one", f.Name())
	}
	// A file system without locks (some of the network) is no reason not to record.
	return f.Truncate(0)
}

// Write writes on where it ended, and fails when the file is no longer what it was.
func (d *destination) Write(b []byte) (int, error) {
	if err := d.whole(); err != nil {
		return 0, err
	}
	begin := time.Now()
	if d.ending.Load() {
		d.limit(d.left)
	}
	n, err := d.file.Write(b)
	if d.size += int64(n); d.ending.Load() {
		d.left -= time.Since(begin)
	}
	return n, err
}

// whole fails when another program removed or cut the file. Cut and then written on, it would have a hole.
func (d *destination) whole() error {
	if d.stream {
		return nil
	}
	info, err := d.file.Stat()
	if err != nil {
		return err
	}
	if removed(info) {
		return &LostFileError{Path: d.path, What: "removed it"}
	}
	if info.Size() != d.size {
		return &LostFileError{Path: d.path, What: fmt.Sprintf("changed its size from %d to %d bytes", d.size, info.Size())}
	}
	return nil
}

// check fails when the recording is not what is found at its path.
func (d *destination) check() error {
	if err := d.whole(); err != nil || d.stream {
		return err
	}
	ours, err := d.file.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(d.path); err != nil || !os.SameFile(ours, there) {
		return &LostFileError{Path: d.path, What: "moved it"}
	}
	return nil
}

// Sync forces what was written to the disk.
func (d *destination) Sync() error {
	if d.stream {
		return nil
	}
	return d.file.Sync()
}

// Truncate cuts off what was written behind size. A file that another program cut already stays as it is.
func (d *destination) Truncate(size int64) error {
	if err := d.whole(); err != nil || d.stream {
		return err
	}
	return d.file.Truncate(size)
}

// takeTime is how long a recording that ends waits for the reader of a stream, all writes together.
const takeTime = 500 * time.Millisecond

// hurry ends writing to a reader that takes nothing. It may be called while another goroutine writes.
func (d *destination) hurry() {
	if d.stream {
		d.ending.Store(true)
		d.limit(takeTime)
	}
}

// limit lets a write take so long. Devices that are always ready, such as /dev/null, have no deadlines, and need none.
func (d *destination) limit(t time.Duration) { _ = d.file.SetWriteDeadline(time.Now().Add(t)) }

// remove takes away a file in which nothing could be written.
func (d *destination) remove() {
	if !d.stream {
		os.Remove(d.path)
	}
}

func (d *destination) close() { d.file.Close() }
