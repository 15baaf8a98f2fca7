//go:build !linux

package subproc

import "os"

// Input is the process's standard input, for Serve.
func Input() *os.File { return os.Stdin }
