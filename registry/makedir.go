package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/shm"
)

// makeDir creates a directory with mode 0700, whatever the umask. The directory gets its name after its mode, so a mode of 0
// under that name is always the owner's choice. Until then it has one temporary name. If this process dies or is slow, another
// one continues with the directory of that name.
func makeDir(dir string) error {
	const attempts = 100 // an attempt fails only when another process makes the same directory, or removes it
	for range attempts {
		if _, err := os.Lstat(dir); err == nil {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: fs.ErrExist}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		err := makeOnce(dir)
		if _, missing := os.Stat(filepath.Dir(dir)); missing != nil || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("make %s: other processes make and remove it all the time", dir)
}

// temporaryName returns the temporary name of a directory that is being made. No domain can have that name.
func temporaryName(dir string) string {
	name := filepath.Base(dir)
	return filepath.Join(filepath.Dir(dir), "."+name[:min(len(name), 250)]+".new") // at most 255 bytes
}

// makeOnce is one attempt of makeDir. It returns fs.ErrNotExist when another process was faster.
func makeOnce(dir string) error {
	fresh := temporaryName(dir)
	err := os.Mkdir(fresh, 0o700)
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrExist):
		if err := continueDir(fresh); err != nil {
			return err
		}
	case errors.As(err, &at):
		return shm.Full(dir, &fs.PathError{Op: at.Op, Path: dir, Err: at.Err})
	default:
		failpoint.At("join.make")
		info, err := os.Lstat(fresh)
		if err == nil {
			err = os.Chmod(fresh, info.Mode()&fs.ModeSetgid|0o700)
		}
		if err != nil {
			return err
		}
		failpoint.At("join.mode")
	}
	err = shm.Rename(fresh, dir)
	if errors.Is(err, fs.ErrExist) {
		return errors.Join(err, removeIfThere(fresh))
	}
	if err == nil {
		failpoint.At("join.directory")
	}
	return err
}

// continueDir continues with a directory that another process began to make. A directory without its mode is removed: the other
// process, if it lives, begins again.
func continueDir(fresh string) error {
	info, err := os.Lstat(fresh)
	switch {
	case err != nil:
		return err
	case !info.IsDir() || ownerOf(info) != os.Geteuid():
		return nameConflict(fresh, "remove", fs.ErrExist)
	case info.Mode().Perm() != 0o700:
		return errors.Join(os.Remove(fresh), fs.ErrNotExist)
	}
	return nil
}

// isMade reports whether makeDir made the directory or found it.
func isMade(err error) bool {
	return err == nil || errors.Is(err, fs.ErrExist) && !errors.As(err, new(*NameConflictError))
}

func isMissing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// makeParent creates a missing parent of domains, if the directory above belongs to this user: elsewhere other users could
// replace it.
func makeParent(parent string) error {
	if !isMissing(parent) {
		return nil
	}
	if err := mayMake(parent); err != nil {
		return err
	}
	if err := makeDir(parent); !isMade(err) {
		return &DirError{Dir: parent, Reason: "it cannot be created", Remedy: "choose another (SHMBUS_DIR)", Err: err}
	}
	return nil
}

// mayMake returns a *DirError if a missing parent of domains must not be created.
func mayMake(parent string) error {
	above := filepath.Dir(parent)
	info, err := os.Stat(above)
	reason := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		reason = above + " neither"
	case err != nil:
		return examineError(parent, err)
	case ownerOf(info) != os.Geteuid():
		reason = fmt.Sprintf("and %s belongs to %s, so it is not made there", above, userName(ownerOf(info)))
	case info.Mode()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
		reason = fmt.Sprintf("and others may write into %s (mode %s), so it is not made there", above, octal(info.Mode()))
	default:
		return nil
	}
	return &DirError{Dir: parent, Reason: "it does not exist, " + reason, Remedy: "create " + parent + ", or choose another (SHMBUS_DIR)"}
}

// DomainMissing reports whether the directory of a domain is missing. The error is the *DirError with which Join would refuse to
// create it.
func DomainMissing(dir string) (missing bool, err error) {
	if !isMissing(dir) {
		return false, nil
	}
	parent := filepath.Dir(dir)
	if parent == defaultParent() || !isMissing(parent) {
		return true, nil
	}
	return true, mayMake(parent)
}
