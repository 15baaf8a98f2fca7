package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/shm"
)

// Clean removes what dead participants left in the domain directory, and returns the names of the files; with dryRun it
// only names them. Files of the living, the registry file and files that are not of shmbus stay. It may run beside anything
// else, and a missing directory is a clean one. With an error it returns what it removed all the same. It asks nobody whether Join
// would refuse the directory; CheckDomain tells.
func Clean(dir string, dryRun bool) ([]string, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	removed, _, err := clean(dir, dryRun)
	return removed, err
}

// clean is Clean that also counts the living.
func clean(dir string, dryRun bool) (removed []string, living int, _ error) {
	seen := make(map[ID]bool)
	err := eachFile(dir, func(id ID, _ string) { seen[id] = true })
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("clean the domain: %w", explain("the directory cannot be listed", dir, err))
	}
	failpoint.At("clean.list")
	var errs []error
	for id := range seen {
		dead, err := isDead(dir, id)
		if err != nil {
			errs = append(errs, explain("nobody can say whether a participant lives", dir, err))
		}
		if !dead {
			living++
			delete(seen, id)
		}
	}
	failpoint.At("clean.ask")
	if len(seen) == 0 {
		return nil, living, errors.Join(errs...)
	}
	c := removeFiles(dir, seen, dryRun)
	return c.removed, living, errors.Join(append(errs, c.err())...)
}

// isDead asks the kernel. A participant has its lock before its file has a name, and its file has a name before any other
// file of it exists; so no file, or a file without a lock, means that it is gone for good.
func isDead(dir string, id ID) (bool, error) {
	f, err := shm.Open(filePath(dir, id, participantSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	locked, err := f.Locked()
	return err == nil && !locked, err
}

// A cleaning is what came of removing the files of the dead.
type cleaning struct {
	removed []string // names
	own     []error  // what stays of the dead themselves: their participant files stay too
	planted []error  // what stays because it is of another user, who put it there
}

func (c *cleaning) err() error { return errors.Join(append(c.own, c.planted...)...) }

// removeFiles removes all files of the dead, each participant file after the others of that participant, so that whoever
// is killed here leaves something that is still found. The directory is listed again: an earlier listing may have been made
// when they still lived and created files. What cannot be removed keeps nothing else, but for the participant file, which
// stays for the next attempt; unless all that stays is of another user than the dead: whoever may make files could keep the
// dead for ever with one.
func removeFiles(dir string, dead map[ID]bool, dryRun bool) (c cleaning) {
	others := make(map[ID][]string, len(dead))
	err := eachFile(dir, func(id ID, suffix string) {
		if dead[id] && suffix != participantSuffix {
			others[id] = append(others[id], suffix)
		}
	})
	if err != nil {
		c.own = append(c.own, err)
	}
	failpoint.At("clean.again")
	for id := range dead {
		uid := os.Geteuid() // of a participant whose file has no name any more, only its own process knows
		if info, err := os.Lstat(filePath(dir, id, participantSuffix)); err == nil {
			uid = ownerOf(info)
		}
		var own, planted []error
		suffixes := others[id]
		slices.Sort(suffixes)
		for _, suffix := range append(suffixes, participantSuffix) {
			if suffix == participantSuffix && (len(own) > 0 || err != nil) {
				break // leave it for the next attempt
			}
			path := filePath(dir, id, suffix)
			info, err := os.Lstat(path)
			if err == nil && !info.Mode().IsRegular() {
				continue // a stranger under our name
			}
			if err == nil && !dryRun {
				err = os.Remove(path)
			}
			switch {
			case errors.Is(err, fs.ErrNotExist): // somebody else cleans too
			case err != nil && info != nil && ownerOf(info) != uid:
				what := fmt.Sprintf("%s, which %s put among the files of the dead, cannot be removed", filepath.Base(path), userName(ownerOf(info)))
				planted = append(planted, cannotRemove(what, dir, err))
			case err != nil:
				own = append(own, cannotRemove("files of the dead cannot be removed", dir, err))
			case suffix != participantSuffix:
				c.removed = append(c.removed, filepath.Base(path))
				failpoint.At("clean.files")
			default:
				c.removed = append(c.removed, filepath.Base(path))
				failpoint.At("clean.participant")
			}
		}
		// The first says enough: the next ones are refused for the same reason.
		c.own, c.planted = append(c.own, own[:min(len(own), 1)]...), append(c.planted, planted[:min(len(planted), 1)]...)
	}
	return c
}

// cannotRemove says what was refused, by the directory's rights or for a reason of the file's, such as a mount on it.
func cannotRemove(what, dir string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return explain(what, dir, inDirectory(err))
	}
	return fmt.Errorf("%s: %w", what, err)
}

// inDirectory makes of a refusal to remove a file one that is about its directory, whose rights decide.
func inDirectory(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return &fs.PathError{Op: at.Op, Path: filepath.Dir(at.Path), Err: at.Err}
	}
	return err
}
