// Package footprint measures how much memory topics take: what each adds to the shared memory of a domain, and how large a process is
// that has one and does nothing.
package footprint
