//go:build !linux

package process

import "github.com/shmbus/shmbus/internal/errdefs"

const errUnsupported = errdefs.Unsupported("process identities need Linux")

// Exit cannot be had here.
type Exit struct{}

func Self() (Identity, error)                        { return Identity{}, errUnsupported }
func BootID() ([16]byte, error)                      { return [16]byte{}, errUnsupported }
func StartTime(int) (uint64, error)                  { return 0, errUnsupported }
func CredentialsOf(int, uint64) (Credentials, error) { return Credentials{}, errUnsupported }
func Maps(int, uint64, uint64, uint64) (bool, error) { return false, errUnsupported }
func StateOf(int, uint64) State                      { return Unseen }
func Watch(int, uint64) (*Exit, error)               { return nil, errUnsupported }
func (*Exit) Wait() error                            { return errUnsupported }
func (*Exit) Credentials() (Credentials, error)      { return Credentials{}, errUnsupported }
func (*Exit) Close() error                           { return nil }
