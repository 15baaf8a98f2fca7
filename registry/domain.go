// Package registry lets the processes of a domain find each other.
//
// A domain is a directory on tmpfs. Each participant owns one file in it, which describes the participant and lists its
// publishers and subscriptions. No other process writes that file. After each change the owner counts the change in the
// domain's registry file and rings a bell there: a shared 32-bit word on which the participants sleep that the change may
// concern. They scan for what is new. Counts and bells are hints: a participant that misses one finds the change at its next
// periodic scan.
//
// The kernel decides whether a participant lives. Its file carries an open-file-description lock from before the file has a
// name until the process ends, however it ends. Any participant that finds a participant file without that lock removes the
// file and all other files of that participant. To do so twice, or to be killed halfway, does no harm.
//
// Everything read from another participant's file is checked before it is used. A record that fails a check is reported and
// skipped.
//
// Join takes part in a domain. Observe reads a domain without taking part.
package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
)

// DomainDir returns the directory of a domain. An empty dir stands for the environment variable SHMBUS_DIR, or without it for
// /dev/shm/shmbus-<uid>. An empty domain stands for SHMBUS_DOMAIN, or without it for "default". Nothing is created.
func DomainDir(dir, domain string) (string, error) {
	if err := supported(); err != nil {
		return "", err
	}
	if dir == "" {
		dir = os.Getenv("SHMBUS_DIR")
	}
	if dir == "" {
		dir = defaultParent()
	}
	if domain == "" {
		domain = os.Getenv("SHMBUS_DOMAIN")
	}
	if domain == "" {
		domain = "default"
	}
	rule := brokenText(domain)
	if rule == "" && (strings.Contains(domain, "/") || strings.HasPrefix(domain, ".")) {
		rule = "it must hold no '/' and not begin with '.'"
	}
	if rule != "" {
		return "", &NameError{What: "domain name", Name: domain, Rule: rule}
	}
	path := filepath.Join(dir, domain)
	if !filepath.IsAbs(path) {
		return "", relativeError(dir)
	}
	return path, nil
}

func supported() error {
	if runtime.GOOS != "linux" {
		return shm.ErrUnsupported
	}
	if !mem.SharedAtomics {
		return fmt.Errorf("shmbus cannot run on this CPU as built for it (%s): 64-bit atomic operations would not hold between processes; "+
			"on ARM build with GOARM=7, on MIPS as mips64", runtime.GOARCH)
	}
	return nil
}

func defaultParent() string { return fmt.Sprintf("/dev/shm/shmbus-%d", os.Getuid()) }

func relativeError(dir string) error {
	return &DirError{Dir: dir, Reason: "it is a relative path, which means another directory in every process",
		Remedy: "use an absolute one"}
}

// prepareDomain creates dir where it is missing, and refuses a directory that every user may write. It returns the mode of the
// directory.
func prepareDomain(dir string, log *slog.Logger) (fs.FileMode, error) {
	if !filepath.IsAbs(dir) {
		return 0, relativeError(dir)
	}
	parent := filepath.Dir(dir)
	prepare := makeParent
	if parent == defaultParent() {
		prepare = prepareParent
	}
	if err := prepare(parent); err != nil {
		return 0, err
	}
	err := makeDir(dir)
	if errors.Is(err, syscall.ENOTDIR) {
		return 0, examineError(dir, err)
	}
	if _, missing := os.Stat(parent); err != nil && errors.Is(missing, fs.ErrNotExist) {
		return 0, examineError(parent, missing)
	}
	if errors.As(err, new(*errdefs.SpaceError)) || errors.As(err, new(*NameConflictError)) {
		return 0, err
	}
	if errors.Is(err, fs.ErrPermission) {
		return 0, explain("the directory cannot be created", dir, inDirectory(err))
	}
	if !isMade(err) {
		return 0, &DirError{Dir: dir, Reason: "it cannot be created",
			Remedy: "check the rights on " + parent + ", or choose another (SHMBUS_DIR)", Err: err}
	}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrPermission) {
		return 0, explain("the directory cannot be reached", dir, err)
	}
	if err != nil {
		return 0, examineError(dir, err)
	}
	if err := checkDir(dir, info.Mode()); err != nil {
		return 0, err
	}
	groupReads := FileModes(info.Mode()).Read&0o040 != 0
	if groupReads && info.Mode()&fs.ModeSetgid == 0 && os.Geteuid() != 0 && !slices.Contains(ownGroups(), groupOf(info)) {
		log.Warn("the group of the domain directory cannot read the files of this process; set the directory's mode to 2770",
			"dir", dir)
	}
	return info.Mode(), nil
}

func checkDir(dir string, mode fs.FileMode) error {
	switch {
	case !mode.IsDir():
		return &DirError{Dir: dir, Reason: "it is not a directory", Remedy: "remove it or choose another (SHMBUS_DIR, SHMBUS_DOMAIN)"}
	case mode&0o002 != 0:
		return &DirError{Dir: dir, Reason: fmt.Sprintf("every user may write into it (mode %s)", octal(mode)),
			Remedy: "chmod o-w it; to share a domain, give it a group and mode 2770"}
	}
	return nil
}

// Modes are the modes of the files in a domain.
type Modes struct {
	Read     fs.FileMode // participant, schema and publisher files: also readable with read access to the domain only
	Wait     fs.FileMode // reader and wake files: for users that may create files in the domain
	Registry fs.FileMode // the registry file: written by the same users
}

// FileModes returns the modes of the files in a domain whose directory has the given mode.
//
// Reader, wake and registry files hold the words that processes sleep on. A process that maps such a word, even read-only, can
// move the sleepers to another word (FUTEX_REQUEUE), so only users that may take part in the domain may open these files.
func FileModes(dir fs.FileMode) Modes {
	switch {
	case dir&0o040 == 0:
		return Modes{0o600, 0o600, 0o600}
	case dir&0o020 == 0:
		return Modes{0o640, 0o600, 0o600}
	}
	return Modes{0o640, 0o640, 0o660}
}

// ownModes is FileModes for the files of this process. In a directory of another user that the group may not write, only root
// can create files. Its reader and wake files stay readable for the group: otherwise programs of the directory's owner could
// not connect to those of root.
func ownModes(dir string, mode fs.FileMode) Modes {
	modes := FileModes(mode)
	if info, err := os.Stat(dir); err == nil && ownerOf(info) != os.Geteuid() {
		modes.Wait = modes.Read
	}
	return modes
}

// CheckDomain returns the *DirError with which Join would refuse the directory of a domain, as far as that shows without
// creating anything. A missing directory is no error.
func CheckDomain(dir string) error {
	if !filepath.IsAbs(dir) {
		return relativeError(dir)
	}
	if parent := filepath.Dir(dir); parent == defaultParent() {
		if err := checkParent(parent); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	info, err := os.Stat(dir)
	if _, notLink := os.Readlink(dir); errors.Is(err, fs.ErrNotExist) && notLink != nil {
		return nil // it was missing; another process may make it meanwhile
	}
	if err != nil {
		return examineError(dir, err)
	}
	return checkDir(dir, info.Mode())
}

// examineError returns the *DirError for a directory that the kernel does not describe.
func examineError(dir string, err error) error {
	if to, isLink := os.Readlink(dir); isLink == nil && errors.Is(err, fs.ErrNotExist) {
		return &DirError{Dir: dir, Reason: fmt.Sprintf("it is a symbolic link to %q, and there is nothing", to),
			Remedy: "make that directory, or remove the link"}
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return &DirError{Dir: dir, Reason: "what it should be in is not a directory", Remedy: "choose another (SHMBUS_DIR)"}
	}
	return &DirError{Dir: dir, Reason: "it cannot be examined", Remedy: "check the rights on " + filepath.Dir(dir), Err: err}
}

// prepareParent creates and checks the default parent directory, whose name is predictable and whose parent every user may
// write.
func prepareParent(parent string) error {
	if err := makeDir(parent); !isMade(err) {
		return &DirError{Dir: parent, Reason: "it cannot be created", Remedy: "choose another with SHMBUS_DIR", Err: err}
	}
	return checkParent(parent)
}

func checkParent(parent string) error {
	info, err := os.Lstat(parent)
	if err != nil {
		return &DirError{Dir: parent, Reason: "it cannot be examined", Remedy: "choose another with SHMBUS_DIR", Err: err}
	}
	switch uid := ownerOf(info); {
	case !info.IsDir():
		return &DirError{Dir: parent, Reason: "it is not a directory", Remedy: "remove it, or choose another with SHMBUS_DIR"}
	case uid != os.Geteuid():
		return &DirError{Dir: parent, Reason: fmt.Sprintf("it belongs to user %d, not to user %d", uid, os.Geteuid()),
			Remedy: "have it removed, or choose another with SHMBUS_DIR"}
	case info.Mode()&0o022 != 0:
		return &DirError{Dir: parent, Reason: fmt.Sprintf("others may write into it (mode %s)", octal(info.Mode())),
			Remedy: "chmod go-w it; to share a domain, choose another directory with SHMBUS_DIR"}
	}
	return nil
}

// RemoveDomain removes the directory of a domain without live participants, and all files of shmbus in it. It returns an
// *InUseError while a participant lives there, and an error when the directory holds a file that is not of shmbus. A missing
// directory is no error.
func RemoveDomain(dir string) error {
	if _, err := Clean(dir, false); err != nil {
		return fmt.Errorf("remove the domain: %w", err)
	}
	living := make(map[ID]bool)
	err := eachFile(dir, func(id ID, _ string) { living[id] = true })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove the domain: %w", err)
	}
	maps.DeleteFunc(living, func(id ID, _ bool) bool {
		dead, err := isDead(dir, id) // true where Clean left a name that is not a regular file
		return err == nil && dead
	})
	if len(living) != 0 {
		return &InUseError{Dir: dir, Participants: sortedIDs(living)}
	}
	bell := filepath.Join(dir, registryName)
	if err := checkRegistryFile(bell); err != nil && !errors.As(err, new(*errdefs.VersionError)) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the domain: %w", err)
	}
	// A participant may join from here on. Then the directory is not empty and stays. At its next periodic scan the new
	// participant finds the registry file missing, and creates it again.
	if err := removeIfThere(bell); err != nil {
		return fmt.Errorf("remove the domain: %w", cannotRemove("the registry file cannot be removed", dir, err))
	}
	failpoint.At("remove.registry")
	if err := removeIfThere(dir); err != nil {
		return fmt.Errorf("remove the domain: a participant joined just now, or it holds files that are not of shmbus: %w", err)
	}
	failpoint.At("remove.directory")
	return nil
}
