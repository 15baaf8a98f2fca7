//go:build 386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64 || wasm

package mem

// LowHalf is the offset of the lower 32 bits within a 64-bit word: what a futex on the word compares.
const LowHalf = 0
