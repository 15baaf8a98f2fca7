// Package shm is the door to shared files: how a file of a domain comes into being, is locked, sized and mapped.
//
// A file has no name until it is complete. Create makes it anonymous (O_TMPFILE), the owner reserves, fills and locks it,
// and Publish links it under its final name, refusing to replace anything. A process killed in between leaves nothing.
//
// The lock is an open-file-description lock: the kernel drops it when the last descriptor and mapping of that open file
// are gone, so it lives exactly as long as the owner keeps the File open or mapped, or lives itself. Anybody may ask
// whether it is held; nobody has to be able to signal, ptrace or even see the owner's pid.
//
// Memory is reserved with fallocate before it is mapped, so a full file system is a *SpaceError here and not a SIGBUS in
// the middle of a store.
package shm
