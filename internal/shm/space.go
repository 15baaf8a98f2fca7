package shm

// A Space is how much room a file system has.
type Space struct {
	Tmpfs     bool   // it is in memory, as shared memory should be
	Type      uint64 // the kernel's number for the sort of file system
	Size      int64  // bytes; 0 = there is no limit but the machine's memory
	Available int64  // bytes that are free for this user
	Files     int64  // how many files there may be; 0 = any number
	FilesFree int64
}

// Used is how many bytes are taken, by whatever is there.
func (s Space) Used() int64 { return max(0, s.Size-s.Available) }
