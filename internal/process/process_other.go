//go:build !linux

package process

import (
	"runtime"

	"github.com/shmbus/shmbus/internal/errdefs"
)

const errUnsupported = errdefs.Unsupported("process identities need Linux")

// Exit cannot be had here.
type Exit struct{}

func Self() (Identity, error)                                    { return Identity{}, errUnsupported }
func BootID() ([16]byte, error)                                  { return [16]byte{}, errUnsupported }
func StartTime(int) (uint64, error)                              { return 0, errUnsupported }
func CredentialsOf(int, uint64) (Credentials, error)             { return Credentials{}, errUnsupported }
func MappedFiles(int, uint64, []FileID) (map[FileID]bool, error) { return nil, errUnsupported }
func ExecutableOf(int, uint64) (string, error)                   { return "", errUnsupported }
func StateOf(int, uint64) State                                  { return Unseen }
func Watch(int, uint64) (*Exit, error)                           { return nil, errUnsupported }
func (*Exit) Wait() error                                        { return errUnsupported }
func (*Exit) Credentials() (Credentials, error)                  { return Credentials{}, errUnsupported }
func (*Exit) Executable() (string, error)                        { return "", errUnsupported }
func (*Exit) Close() error                                       { return nil }

// Foreground is not known here.
func Foreground(uintptr) bool { return true }

// OneProcessor reports whether one goroutine of this process runs at a time.
func OneProcessor() bool { return runtime.NumCPU() == 1 || runtime.GOMAXPROCS(0) == 1 }

// RaiseGOMAXPROCS does nothing here.
func RaiseGOMAXPROCS() {}

// Yield does nothing here.
func Yield() bool { return false }
