package registry

import (
	"io/fs"
	"path/filepath"
)

// RegistryFile is the name of the registry file, the one file of a domain without an owner.
const RegistryFile = registryName

// The suffixes of a participant's files. The number of the endpoint follows that of a publisher or schema, any number that of a
// control socket, as of package record/control.
const (
	SuffixParticipant = participantSuffix
	SuffixReader      = "reader"
	SuffixWake        = "wake"
	SuffixPublisher   = "pub."
	SuffixSchema      = "schema."
	SuffixControl     = "control."
)

// ParseFileName splits the name of a participant's file into the id of its owner and the suffix after the dot. Every other name
// is RegistryFile or foreign.
func ParseFileName(name string) (owner ID, suffix string, ok bool) { return parseFileName(name) }

// IsOfItsSort reports whether a file has the sort, regular file or socket, of those with its suffix. shmbus neither opens nor
// removes others.
func IsOfItsSort(suffix string, mode fs.FileMode) bool { return ofItsSort(suffix, mode) }

// CheckRegistryFile reads the beginning of the registry file of a domain and checks it. It returns a *errdefs.VersionError, a
// *errdefs.CorruptError, or the error of reading.
func CheckRegistryFile(dir string) error { return checkRegistryFile(filepath.Join(dir, registryName)) }

// IsDead asks the kernel whether a participant is gone for good: its participant file is not locked, or is missing. A
// participant file gets its name before all other files of the participant and loses it after them. IsDead returns an error
// when the file cannot be examined, and is wrong about a live participant whose file was removed by hand.
func IsDead(dir string, id ID) (bool, error) { return isDead(dir, id) }
