//go:build !(amd64 || arm64)

package mem

// PrefetchToWrite begins to fetch the cache lines of b, which should begin one, from other processors, for writing. It does not wait, and
// cannot fault. Here it does nothing.
func PrefetchToWrite(b []byte) {}

// PrefetchToRead is PrefetchToWrite for reading. b may begin anywhere.
func PrefetchToRead(b []byte) {}
