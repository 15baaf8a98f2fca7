package process

// Identity is what tells a process from every other one of this machine, also after its pid was given to another.
type Identity struct {
	PID        int
	Namespace  uint64   // of PID: inode of /proc/PID/ns/pid; 0 = not known
	StartTime  uint64   // clock ticks after boot, field 22 of /proc/PID/stat
	BootID     [16]byte // of /proc/sys/kernel/random/boot_id
	Executable string   // path, for people
}

// Credentials are as whom a process acts.
type Credentials struct {
	UID    int   // to whom the files belong that it makes
	Groups []int // its real and supplementary groups, in ascending order
}
