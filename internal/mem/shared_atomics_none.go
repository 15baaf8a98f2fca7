//go:build mips || mipsle || (arm && !arm.7)

package mem

// SharedAtomics says that 64-bit atomic operations of this CPU hold between processes. Here the runtime makes them out of a
// lock that only its own process knows.
const SharedAtomics = false
