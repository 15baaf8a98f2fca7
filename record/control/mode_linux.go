package control

import "syscall"

// openForOwner gives a socket its mode before it has a name, so that no other user can connect at any moment.
func openForOwner(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), 0o600) }); cerr != nil {
		return cerr
	}
	return err
}
