package registry

import (
	"path/filepath"
)

// RegistryFile is the name of the one file of a domain that belongs to nobody.
const RegistryFile = registryName

// The suffixes of a participant's files; those of publishers and schemas have a number behind them.
const (
	SuffixParticipant = participantSuffix
	SuffixReader      = "reader"
	SuffixWake        = "wake"
	SuffixPublisher   = "pub."
	SuffixSchema      = "schema."
)

// ParseFileName takes the name of a participant's file apart: whose it is, and what follows the dot. Every other name belongs
// to a stranger, or is RegistryFile.
func ParseFileName(name string) (owner ID, suffix string, ok bool) { return parseFileName(name) }

// CheckRegistryFile reads the beginning of the registry file of a domain and returns an error if it is not one: *VersionError,
// *CorruptError, or why it could not be read.
func CheckRegistryFile(dir string) error { return checkRegistryFile(filepath.Join(dir, registryName)) }

// IsDead asks the kernel whether a participant is gone for good: its file is not locked, or has no name any more, which it gets
// before every other file of it and loses after them. It says nothing of a participant that one cannot see, and is wrong about
// one whose file somebody removed by hand.
func IsDead(dir string, id ID) (bool, error) { return isDead(dir, id) }
