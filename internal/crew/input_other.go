//go:build !linux

package crew

import "os"

// Input is the process's standard input, for Play.
func Input() *os.File { return os.Stdin }
