package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/record/mcapfile"
)

// A LostFileError says that another program removed, moved or truncated a recording while it was written.
type LostFileError struct {
	Path string
	What string // the action of the other program, such as "removed it"
}

func (e *LostFileError) Error() string {
	return fmt.Sprintf("%s is not what was recorded: another program %s meanwhile", e.Path, e.What)
}

// unfinished is the end of the name of a file that is being written, or whose recorder was killed.
const unfinished = ".unfinished"

// A destination is the target of a recording, or of a part of it: a file or a stream.
type destination struct {
	parts  *parts // of which it is one
	file   *os.File
	path   string // where it is written
	final  string // name of the complete file; "" = path
	force  bool   // a file of the final name may be replaced
	stream bool   // a pipe or device, without truncate and sync
	size   int64  // bytes written, of a file

	reserved  int64         // bytes of disk space
	noReserve bool          // the file system cannot reserve
	ending    atomic.Bool   // the recording ends: a stream's reader has timeLeft to take the rest
	timeLeft  time.Duration // the rest of finalWriteTimeout
}

// createDestination creates the file under a name that says that it is unfinished. The file is locked while it is written, because two
// recorders would corrupt it. Pipes and character devices are written as streams.
func createDestination(path string, force bool) (*destination, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil || info.Mode().IsRegular():
		return createFile(path, force)
	case info.Mode().IsDir():
		return nil, fmt.Errorf("open %s: it is a directory; name a file in it", path)
	case !isStream(info):
		return nil, fmt.Errorf("open %s: it is a %s; a recording is written to a file, or streamed to a pipe", path, kindOf(info.Mode()))
	}
	f, err := openStream(path)
	if err != nil {
		return nil, err
	}
	return &destination{file: f, path: path, stream: true, timeLeft: finalWriteTimeout}, nil
}

func isStream(info fs.FileInfo) bool { return info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0 }

func kindOf(m fs.FileMode) string {
	if m&fs.ModeSocket != 0 {
		return "socket"
	}
	return "device"
}

func createFile(path string, force bool) (*destination, error) {
	if info, err := os.Lstat(path); err == nil {
		switch {
		case !force:
			return nil, fmt.Errorf("%w; name another file or have it replaced (--force)", &fs.PathError{Op: "open", Path: path, Err: syscall.EEXIST})
		case info.Mode()&fs.ModeSymlink != 0:
			return overwriteTarget(path)
		}
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if !force {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(path+unfinished, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, leftBehind(path+unfinished, err)
	}
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		at.Path = path // the name that the caller knows
	}
	if err != nil {
		return nil, err
	}
	if err := lockAndTruncate(f); err != nil {
		f.Close()
		return nil, err
	}
	return &destination{file: f, path: path + unfinished, final: path, force: force}, nil
}

// overwriteTarget opens the file that a symbolic link such as /dev/stdout leads to. It is written in place: a rename would replace the link.
func overwriteTarget(path string) (*destination, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	if err := lockAndTruncate(f); err != nil {
		f.Close()
		return nil, err
	}
	return &destination{file: f, path: path}, nil
}

// leftBehind is the error for an unfinished file that exists. It wraps err in any case: the next number of a series may be free.
func leftBehind(path string, err error) error {
	f, openErr := os.OpenFile(path, os.O_WRONLY, 0)
	if openErr != nil {
		return err
	}
	defer f.Close()
	if shm.Lock(f) != nil {
		return fmt.Errorf("%w: another recorder writes it; name another file or end that one", err)
	}
	return fmt.Errorf("%w: a recorder that was killed left it; recover it or move it away, name another file, or have it replaced (--force)", err)
}

// lockAndTruncate locks and empties the file. It fails if another recorder holds the lock.
func lockAndTruncate(f *os.File) error {
	if err := shm.Lock(f); errors.Is(err, shm.ErrLocked) {
		return fmt.Errorf("another recorder writes %s; name another file or end that one", f.Name())
	}
	// On file systems without locks (some network file systems) the file is written without one.
	return f.Truncate(0)
}

// Write appends b. It fails if the file was changed by another program.
func (d *destination) Write(b []byte) (int, error) {
	if err := d.checkUnchanged(); err != nil {
		return 0, err
	}
	begin := time.Now()
	if d.ending.Load() {
		d.setDeadline(d.timeLeft)
	}
	n, err := d.file.Write(b)
	for isDiskFull(err) && d.parts.deleteOldest() {
		var more int
		more, err = d.file.Write(b[n:])
		n += more
	}
	if d.size += int64(n); d.ending.Load() {
		d.timeLeft -= time.Since(begin)
	}
	return n, err
}

// checkUnchanged fails if another program removed or truncated the file. Every write appends: one that follows a truncation leaves no hole,
// but a size that the next check finds.
func (d *destination) checkUnchanged() error {
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

// checkPath fails if the path no longer leads to the recording.
func (d *destination) checkPath() error {
	if err := d.checkUnchanged(); err != nil || d.stream {
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

// Sync forces the written data to the disk.
func (d *destination) Sync() error {
	if d.stream {
		return nil
	}
	return d.file.Sync()
}

// Truncate cuts the file to size. A file that another program truncated stays unchanged.
func (d *destination) Truncate(size int64) error {
	if err := d.checkUnchanged(); err != nil || d.stream {
		return err
	}
	return d.file.Truncate(size)
}

// finalWriteTimeout bounds the wait for the reader of a stream at the end of a recording, for all writes together.
const finalWriteTimeout = 500 * time.Millisecond

// limitFinalWrites bounds the time of the remaining writes to a stream. It may be called concurrently with a write.
func (d *destination) limitFinalWrites() {
	if d.stream {
		d.ending.Store(true)
		d.setDeadline(finalWriteTimeout)
	}
}

// setDeadline bounds the time of a write. Devices that are always ready, such as /dev/null, have no deadlines and need
// none.
func (d *destination) setDeadline(t time.Duration) { _ = d.file.SetWriteDeadline(time.Now().Add(t)) }

// reserveStep is the number of bytes of disk space that are reserved at once.
const reserveStep = 16 << 20

// Reserve reserves disk space for a file of that size, so that it can be completed if the disk becomes full. Parts are deleted for it as
// RecordOptions.MinFree and DeleteOldest say. Without the space that MinFree demands, the recording ends in order.
func (d *destination) Reserve(size int64) error {
	if d.stream || size <= d.reserved {
		return nil
	}
	if ahead := size + reserveStep; d.parts.leaves(ahead-d.reserved) && d.allocate(ahead) == nil {
		return nil
	}
	if err := d.parts.keepFree(size - d.reserved); err != nil {
		d.parts.fail(err)
	}
	err := d.allocate(size)
	for isDiskFull(err) && d.parts.deleteOldest() {
		err = d.allocate(size)
	}
	if err != nil {
		return fmt.Errorf("reserve space for %s: %w", d.path, err)
	}
	return nil
}

// allocate reserves disk space up to a size of the file, where the file system can.
func (d *destination) allocate(to int64) error {
	if !d.noReserve {
		err := allocate(d.file, d.reserved, to-d.reserved)
		if mcapfile.IsFull(err) {
			return err
		}
		d.noReserve = err != nil
	}
	d.reserved = to
	return nil
}

// finish gives a complete file its final name.
func (d *destination) finish() error {
	err := d.checkPath()
	switch {
	case err != nil || d.final == "":
		return err
	case d.force:
		return os.Rename(d.path, d.final)
	}
	err = shm.Rename(d.path, d.final)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s appeared while it was recorded; the recording is %s", d.final, d.path)
	}
	if err != nil { // this file system, or this system, cannot rename without replacing
		if err = os.Link(d.path, d.final); err == nil {
			err = os.Remove(d.path)
		}
	}
	return err
}

// remove removes an incomplete file. A file that existed before stays.
func (d *destination) remove() {
	if d.final != "" {
		os.Remove(d.path)
	}
}

func (d *destination) close() { d.file.Close() }
