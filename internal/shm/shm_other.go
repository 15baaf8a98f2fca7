//go:build !linux

package shm

import (
	"io/fs"
	"os"
)

// File cannot be made here; every way to one returns ErrUnsupported.
type File struct{}

// Owner cannot be asked for here.
type Owner struct {
	UID, GID int
	Mode     fs.FileMode
	Dev, Ino uint64
}

// Mapping cannot be made here.
type Mapping struct{}

func Create(string, int64, fs.FileMode) (*File, error)       { return nil, ErrUnsupported }
func Open(string) (*File, error)                             { return nil, ErrUnsupported }
func OpenDir(string) (*os.File, error)                       { return nil, ErrUnsupported }
func OpenShared(string) (*File, error)                       { return nil, ErrUnsupported }
func (*File) Publish(string) error                           { return ErrUnsupported }
func (*File) SetGroup(int) error                             { return ErrUnsupported }
func (*File) GiveTo(int) error                               { return ErrUnsupported }
func (*File) Owner() (Owner, error)                          { return Owner{}, ErrUnsupported }
func (*File) Path() string                                   { return "" }
func (*File) Size() (int64, error)                           { return 0, ErrUnsupported }
func (*File) Capacity() (int64, error)                       { return 0, ErrUnsupported }
func (*File) Backed() (int64, error)                         { return 0, ErrUnsupported }
func (*File) Reserve(off, n int64) error                     { return ErrUnsupported }
func (*File) Release(off, n int64) error                     { return ErrUnsupported }
func (*File) Cut(int64) error                                { return ErrUnsupported }
func (*File) ReadAt([]byte, int64) (int, error)              { return 0, ErrUnsupported }
func (*File) Lock() error                                    { return ErrUnsupported }
func (*File) Locked() (bool, error)                          { return false, ErrUnsupported }
func (*File) TryLockRange(off, n int64) (bool, error)        { return false, ErrUnsupported }
func (*File) UnlockRange(off, n int64) error                 { return ErrUnsupported }
func (*File) LockedIn(off, n int64) (at, l int64, err error) { return 0, 0, ErrUnsupported }
func (*File) Close() error                                   { return nil }
func (*File) Map(off int64, n int, w bool) (*Mapping, error) { return nil, ErrUnsupported }
func (*File) MapWhole(int) (*Mapping, error)                 { return nil, ErrUnsupported }
func (*Mapping) Bytes() []byte                               { return nil }
func (*Mapping) Unmap() error                                { return nil }
func Full(_ string, err error) error                         { return err }
func InMemory(string) bool                                   { return true }
func OwnerOf(string) (Owner, error)                          { return Owner{}, ErrUnsupported }
func MayWrite(string) error                                  { return ErrUnsupported }
func Rename(string, string) error                            { return ErrUnsupported }
func Lock(*os.File) error                                    { return ErrUnsupported }
func PageSize() int                                          { return 4096 }
func SpaceAt(string) (Space, error)                          { return Space{}, ErrUnsupported }
