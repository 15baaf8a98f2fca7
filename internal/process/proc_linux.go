package process

import (
	"io/fs"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// procRoom holds what is read of a process, but for mappings and very many groups.
const procRoom = 2048

// readProc reads a file of /proc/PID whole, into room if that suffices. Every participant that meets another asks for some, so
// this does without what an os.File costs beside its reads: the runtime's poller is asked first whether it can wait for the file,
// which it cannot.
func readProc(pid int, name string, room []byte) ([]byte, error) {
	return readProcOf(strconv.Itoa(pid), name, room)
}

func readProcOf(pid, name string, room []byte) ([]byte, error) {
	path := "/proc/" + pid + "/" + name
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for err == unix.EINTR {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	b := room[:0]
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, max(len(b), procRoom))
		}
		n, err := unix.Read(fd, b[len(b):cap(b)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return b, nil
		default:
			b = b[:len(b)+n]
		}
	}
}
