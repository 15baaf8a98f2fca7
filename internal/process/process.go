// Package process asks the kernel about processes: the identity of this process, and the end of another.
package process

// Identity distinguishes a process from all others of this machine, also after its PID was given to another process.
type Identity struct {
	PID        int
	Namespace  uint64   // of PID: inode of /proc/PID/ns/pid; 0 = not known
	StartTime  uint64   // clock ticks after boot, field 22 of /proc/PID/stat
	BootID     [16]byte // of /proc/sys/kernel/random/boot_id
	Executable string   // path, for display
}

// Credentials are the user and the groups of a process.
type Credentials struct {
	UID    int   // owner of the files that the process makes
	Groups []int // its real and supplementary groups, in ascending order
}

// A FileID names a file as long as it exists: the device and the inode.
type FileID struct{ Dev, Ino uint64 }

// A State is what the kernel reports about a process.
type State uint8

const (
	Unseen  State = iota // not visible here: it ended, or its PID is of another PID namespace or hidden
	Running              // it runs or sleeps
	Stopped              // by a signal or a debugger, until it is continued
	Ended                // a zombie: its parent has not waited for it
)
