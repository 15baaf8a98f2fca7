package cli

import (
	"os"
	"syscall"
	"time"
)

// left waits up to d for the readers of a pipe to go away. For other files it waits for d.
func left(f *os.File, d time.Duration) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return false
	}
	fd := int(f.Fd())
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
	var set syscall.FdSet
	const size = 1024 // of the set, in words of 32 or 64 bits
	if errno != 0 || flags&syscall.O_ACCMODE != syscall.O_WRONLY || fd >= size {
		return false
	}
	word := size / len(set.Bits)
	for end := time.Now().Add(d); ; {
		set.Bits[fd/word] |= 1 << (fd % word)
		// The end of a pipe that one can only write to becomes readable when the other end is closed.
		t := syscall.NsecToTimeval(max(0, time.Until(end)).Nanoseconds())
		n, err := syscall.Select(fd+1, &set, nil, nil, &t)
		if err != syscall.EINTR { // as by the signals that the runtime sends to its own threads
			return err == nil && n > 0
		}
	}
}
