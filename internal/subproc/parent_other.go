//go:build !linux

package subproc

import "os/exec"

// killWithParent does nothing: the process notices the end of its standard input.
func killWithParent(*exec.Cmd) {}
