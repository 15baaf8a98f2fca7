package process

import "golang.org/x/sys/unix"

// Foreground reports whether this process may change the settings of the terminal at fd. The kernel stops a background job that tries.
func Foreground(fd uintptr) bool {
	group, err := unix.IoctlGetUint32(int(fd), unix.TIOCGPGRP)
	return err != nil || int(group) == unix.Getpgrp() // an error: it is not the terminal of its session, and may be changed
}
