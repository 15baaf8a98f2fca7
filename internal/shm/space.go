// Package shm makes, locks, sizes and maps the shared files of a domain.
//
// A file has no name until it is complete. Create makes it anonymous (O_TMPFILE), the owner reserves, fills and locks it, and Publish
// links it under its final name. Publish replaces nothing. A process that is killed in between leaves nothing.
//
// The lock is an open-file-description lock: the kernel drops it when the last descriptor and mapping of that open file are gone. The
// lock lasts as long as the owner lives and keeps the File open or mapped. Every process may ask whether the lock is held, without the
// right to signal, trace or see the owner's PID.
//
// Memory is reserved with fallocate before it is mapped. A full file system is therefore a *errdefs.SpaceError here, and not a SIGBUS in the
// middle of a store.
package shm

// A Space is the capacity of a file system.
type Space struct {
	Tmpfs     bool   // it is in memory, as shared memory should be
	Type      uint64 // the kernel's number for the type of file system
	Size      int64  // bytes; 0 = limited only by the machine's memory
	Available int64  // bytes that are free for this user
	Files     int64  // limit of the number of files; 0 = no limit
	FilesFree int64
}

// Used is the number of bytes that are occupied.
func (s Space) Used() int64 { return max(0, s.Size-s.Available) }
