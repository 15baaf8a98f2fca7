package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
)

// A File is one shared file, open in this process. Its methods may be called concurrently, except Close.
type File struct {
	f    *os.File
	path string
}

// Create makes an anonymous file of size bytes (sparse: nothing is reserved yet) on the file system of dir, with exactly
// the given mode whatever the umask. Where the mode gives the group rights, the group is that of dir, if this process may
// give files to it.
func Create(dir string, size int64, mode fs.FileMode) (_ *File, err error) {
	// O_NONBLOCK means nothing to a regular file. Package os spares four system calls with it.
	f, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, mode)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		return nil, fmt.Errorf("create a file in %s: this file system has no anonymous files (O_TMPFILE); use a tmpfs such as /dev/shm: %w", dir, err)
	}
	if space := full(dir, size, err); space != nil {
		return nil, space
	}
	if err != nil {
		return nil, fmt.Errorf("create a file in %s: %w", dir, errdefs.Explain(err))
	}
	file := &File{f: f, path: dir}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := unix.Fchmod(file.fd(), uint32(mode.Perm())); err != nil {
		return nil, fmt.Errorf("set the mode of a new file in %s: %w", dir, err)
	}
	if mode.Perm()&0o070 != 0 {
		file.followGroup(dir)
	}
	if err := f.Truncate(size); err != nil {
		return nil, fmt.Errorf("size a new file in %s: %w", dir, errdefs.Explain(err))
	}
	failpoint.At("file.create")
	return file, nil
}

// followGroup gives a new file the group of its directory, which the kernel does by itself only where the directory is
// setgid. A process outside that group may not: then the file keeps the group of this process.
func (s *File) followGroup(dir string) {
	var d unix.Stat_t
	if unix.Stat(dir, &d) != nil {
		return
	}
	if owner, err := s.Owner(); err == nil && owner.GID != int(d.Gid) {
		_ = s.SetGroup(int(d.Gid))
	}
}

// SetGroup gives the file to a group, of which this process must be a member unless it is root.
func (s *File) SetGroup(gid int) error {
	if err := unix.Fchown(s.fd(), -1, gid); err != nil {
		return fmt.Errorf("give a file in %s to group %d: %w", s.path, gid, err)
	}
	return nil
}

// GiveTo makes another user the file's owner, which only root may.
func (s *File) GiveTo(uid int) error { return unix.Fchown(s.fd(), uid, -1) }

// An Owner is the owner of a file by the kernel's word, and the mode of the file.
type Owner struct {
	UID, GID int
	Mode     fs.FileMode
	Dev, Ino uint64
}

// Owner asks the kernel for the owner of the file. Nothing in the file can change the answer.
func (s *File) Owner() (Owner, error) {
	info, err := s.f.Stat()
	if err != nil {
		return Owner{}, fmt.Errorf("ask for the owner of %s: %w", s.path, err)
	}
	return ownerIn(info), nil
}

// OwnerOf is Owner for a directory, or a file that is not open.
func OwnerOf(path string) (Owner, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Owner{}, err
	}
	return ownerIn(info), nil
}

// MayWrite asks the kernel whether this process may write to a file, or make files in a directory.
func MayWrite(path string) error {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS)
}

// Rename gives a file or directory another name, unless that exists.
func Rename(from, to string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func ownerIn(info fs.FileInfo) Owner {
	st := info.Sys().(*syscall.Stat_t)
	return Owner{UID: int(st.Uid), GID: int(st.Gid), Mode: info.Mode(), Dev: uint64(st.Dev), Ino: st.Ino}
}

// Open opens an existing file for reading only.
func Open(path string) (*File, error) { return open(path, os.O_RDONLY) }

// OpenShared opens an existing file for reading and writing: only for the one file that all participants write.
func OpenShared(path string) (*File, error) { return open(path, os.O_RDWR) }

func open(path string, flags int) (*File, error) {
	f, err := os.OpenFile(path, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, errdefs.Explain(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &File{f: f, path: path}, nil
}

// OpenDir opens a directory to be listed. Any other kind of file is an error at once: the open of a pipe would wait for
// a writer.
func OpenDir(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	return f, errdefs.Explain(err)
}

// Publish gives the file its name. It fails with fs.ErrExist when the name is taken.
func (s *File) Publish(path string) error {
	failpoint.At("file.fill")
	self := fmt.Sprintf("/proc/self/fd/%d", s.fd())
	if err := unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW); err != nil {
		return Full(path, &fs.PathError{Op: "publish", Path: path, Err: err})
	}
	s.path = path
	failpoint.At("file.name")
	return nil
}

// Path returns the name the file was published or opened under.
func (s *File) Path() string { return s.path }

// Size asks the kernel for the file's length in bytes.
func (s *File) Size() (int64, error) {
	info, err := s.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Backed is how many bytes of the file have memory, or a place on the disk: no more than Size, unless rounded, and less where the
// file is sparse.
func (s *File) Backed() (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(s.fd(), &st); err != nil {
		return 0, fmt.Errorf("ask for the memory of %s: %w", s.path, err)
	}
	return int64(st.Blocks) * 512, nil
}

// Capacity is how many bytes the file system of the file holds in all, 0 if it has no limit of its own.
func (s *File) Capacity() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(s.fd(), &st); err != nil {
		return 0, fmt.Errorf("ask for the size of the file system of %s: %w", s.path, err)
	}
	return int64(st.Blocks) * int64(st.Bsize), nil
}

// Reserve backs [off, off+n) with memory, extending the file if it ends before that. Bytes already there are kept.
func (s *File) Reserve(off, n int64) error {
	for {
		err := unix.Fallocate(s.fd(), 0, off, n)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		default:
			if space := full(s.path, n, err); space != nil {
				return space
			}
			return fmt.Errorf("reserve %d bytes in %s: %w", n, s.path, err)
		}
	}
}

// Release gives the memory behind [off, off+n) back; those bytes read as zero afterwards and are no longer reserved.
func (s *File) Release(off, n int64) error {
	if err := unix.Fallocate(s.fd(), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n); err != nil {
		return fmt.Errorf("release %d bytes in %s: %w", n, s.path, err)
	}
	return nil
}

// Cut gives back what lies behind the first size bytes. No other process may know of it.
func (s *File) Cut(size int64) error { return s.f.Truncate(size) }

// ReadAt reads without mapping, so a file that its owner cut short is an error and not a signal.
func (s *File) ReadAt(p []byte, off int64) (int, error) { return s.f.ReadAt(p, off) }

// Lock takes the file's open-file-description lock. It fails at once, with ErrLocked, when another open of the file holds
// it.
func (s *File) Lock() error { return Lock(s.f) }

// Lock is what File.Lock does, for a file opened elsewhere.
func Lock(f *os.File) error {
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lk)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("lock %s: %w", f.Name(), ErrLocked)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	failpoint.At("file.lock")
	return nil
}

// Locked reports whether another open of the file holds the lock. It asks for what would hinder reading, which is only the
// lock of a process that may write the file: a process that may only read it can hold a lock, too, and must not keep the dead alive.
func (s *File) Locked() (bool, error) {
	lk := unix.Flock_t{Type: unix.F_RDLCK}
	if err := unix.FcntlFlock(uintptr(s.fd()), unix.F_OFD_GETLK, &lk); err != nil {
		return false, fmt.Errorf("ask for the lock of %s: %w", s.path, err)
	}
	return lk.Type != unix.F_UNLCK, nil
}

// Close closes the descriptor. Mappings stay valid, and keep the lock, until they are unmapped.
func (s *File) Close() error { return s.f.Close() }

func (s *File) fd() int { return int(s.f.Fd()) }
