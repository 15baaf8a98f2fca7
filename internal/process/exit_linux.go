package process

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// An Exit waits for the end of another process without taking a thread or polling: the kernel reports it on a
// descriptor that the runtime's own poller watches.
type Exit struct {
	f   *os.File
	pid int
}

// Watch prepares to wait for the end of the process with that pid and start time. It fails when there is no such process
// to be seen from here: it has ended, its pid belongs to another, or it lives in another pid namespace.
func Watch(pid int, startTime uint64) (*Exit, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	f := os.NewFile(uintptr(fd), fmt.Sprintf("pidfd:%d", pid))
	// Asked after the descriptor is open: from here on the pid cannot be given to another without the descriptor
	// saying that the process ended.
	if got, err := StartTime(pid); err != nil || got != startTime {
		f.Close()
		return nil, fmt.Errorf("watch process %d: it is not the process that started at tick %d", pid, startTime)
	}
	return &Exit{f: f, pid: pid}, nil
}

// Wait returns nil when the process has ended, and an error when Close ends the wait.
func (e *Exit) Wait() error {
	raw, err := e.f.SyscallConn()
	if err != nil {
		return err
	}
	var polled error
	err = raw.Read(func(fd uintptr) bool {
		over, err := poll(fd)
		polled = err
		return over || err != nil
	})
	if err != nil {
		return err
	}
	return polled
}

// ended reports whether the process has ended by now.
func (e *Exit) ended() (over bool, err error) {
	raw, err := e.f.SyscallConn()
	if err != nil {
		return false, err
	}
	var polled error
	err = raw.Control(func(fd uintptr) { over, polled = poll(fd) })
	return over, errors.Join(err, polled)
}

func poll(fd uintptr) (over bool, _ error) {
	set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(set, 0)
	for err == unix.EINTR {
		n, err = unix.Poll(set, 0)
	}
	return n > 0, err
}

// Close ends a Wait and gives the descriptor back.
func (e *Exit) Close() error { return e.f.Close() }
