//go:build !linux

package proc

import (
	"os"
	"syscall"
)

func apart() *syscall.SysProcAttr { return nil }

func signalGroup(p *os.Process, s syscall.Signal) error { return p.Signal(s) }
