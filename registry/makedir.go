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

// makeDir makes a directory for its owner alone, whatever the umask takes from that. The directory gets its name when it has its mode,
// so that a mode of 0 under that name is always its owner's will. Until then it has one other name, which the next attempt goes
// on with if this process dies, or is slower.
func makeDir(dir string) error {
	const attempts = 100 // each is lost only to another process that makes the same directory, or removes it
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

// unnamed is the name of a directory that is being made. No domain can have it.
func unnamed(dir string) string {
	name := filepath.Base(dir)
	return filepath.Join(filepath.Dir(dir), "."+name[:min(len(name), 250)]+".new") // which file systems take
}

// makeOnce returns fs.ErrNotExist where another process was quicker.
func makeOnce(dir string) error {
	fresh := unnamed(dir)
	err := os.Mkdir(fresh, 0o700)
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrExist):
		if err := adopt(fresh); err != nil {
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

// adopt goes on with a directory that another process began to make. One without its mode yet is removed: its maker, if it lives,
// begins again.
func adopt(fresh string) error {
	info, err := os.Lstat(fresh)
	switch {
	case err != nil:
		return err
	case !info.IsDir() || ownerOf(info) != os.Geteuid():
		return taken(fresh, "remove", fs.ErrExist)
	case info.Mode().Perm() != 0o700:
		return errors.Join(os.Remove(fresh), fs.ErrNotExist)
	}
	return nil
}

// isMade reports whether makeDir made a directory, or found one.
func isMade(err error) bool {
	return err == nil || errors.Is(err, fs.ErrExist) && !errors.As(err, new(*NameConflictError))
}

func isMissing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// makeParent makes the directory of domains, where that is missing and the directory that it is to be in is this user's own: others
// could exchange it elsewhere.
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

// mayMake returns the *DirError of a directory of domains that is missing and not made.
func mayMake(parent string) error {
	above := filepath.Dir(parent)
	info, err := os.Stat(above)
	reason := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		reason = above + " neither"
	case err != nil:
		return unexamined(parent, err)
	case ownerOf(info) != os.Geteuid():
		reason = fmt.Sprintf("and %s belongs to %s, so it is not made there", above, userName(ownerOf(info)))
	case info.Mode()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
		reason = fmt.Sprintf("and others may write into %s (mode %s), so it is not made there", above, octal(info.Mode()))
	default:
		return nil
	}
	return &DirError{Dir: parent, Reason: "it does not exist, " + reason, Remedy: "create " + parent + ", or choose another (SHMBUS_DIR)"}
}

// DomainMissing reports whether there is no directory of a domain yet. The error is the *DirError for which Join would not make it.
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
