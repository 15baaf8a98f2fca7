//go:build !(mips || mipsle || (arm && !arm.7))

package mem

// SharedAtomics says that 64-bit atomic operations of this CPU hold between processes.
const SharedAtomics = true
