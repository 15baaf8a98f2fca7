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

// Clean removes the files of dead participants from the domain directory and returns their names; with dryRun it only returns
// the names. Files of live participants, the registry file and files that are not of shmbus stay. Clean may run at any time,
// beside any other operation. A missing directory counts as clean. With an error it also returns the names of the files that it
// removed. It does not check whether Join would refuse the directory: CheckDomain does.
func Clean(dir string, dryRun bool) ([]string, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	removed, _, err := clean(dir, dryRun)
	return removed, err
}

// clean is Clean, and also counts the live participants.
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
			errs = append(errs, explain("it cannot be determined whether a participant lives", dir, err))
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

// isDead asks the kernel whether a participant is dead. A participant takes the lock before its file gets a name, and the file
// gets its name before the participant has any other file. So a missing file, or a file without a lock, means that the
// participant is gone for good.
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

// A cleaning is the result of removing the files of dead participants.
type cleaning struct {
	removed []string // names
	own     []error  // of files of the dead participant's user that stay: the participant file stays too
	planted []error  // of files of another user that stay
}

func (c *cleaning) err() error { return errors.Join(append(c.own, c.planted...)...) }

// removeFiles removes all files of dead participants. The participant file goes last, so that a process that is killed here
// leaves files that the next attempt finds. The directory is listed again, because the participants may have lived and created
// files when it was listed before. A file that cannot be removed does not stop the cleanup. The participant file stays for the
// next attempt only if a file of the same user stays: otherwise another user could block the cleanup for ever.
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
		uid := os.Geteuid() // without its participant file, only the participant's own process knows its user
		if info, err := os.Lstat(filePath(dir, id, participantSuffix)); err == nil {
			uid = ownerOf(info)
		}
		var own, planted []error
		suffixes := others[id]
		slices.Sort(suffixes)
		for _, suffix := range append(suffixes, participantSuffix) {
			if suffix == participantSuffix && (len(own) > 0 || err != nil) {
				break // it stays for the next attempt
			}
			path := filePath(dir, id, suffix)
			info, err := os.Lstat(path)
			if err == nil && !ofItsSort(suffix, info.Mode()) {
				continue // not a file of shmbus
			}
			if err == nil && !dryRun {
				err = os.Remove(path)
			}
			switch {
			case errors.Is(err, fs.ErrNotExist): // another process cleans too
			case err != nil && info != nil && ownerOf(info) != uid:
				what := fmt.Sprintf("%s, which %s put among the files of the dead, cannot be removed",
					filepath.Base(path), userName(ownerOf(info)))
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
		// One of each is enough: the others have the same cause.
		c.own, c.planted = append(c.own, own[:min(len(own), 1)]...), append(c.planted, planted[:min(len(planted), 1)]...)
	}
	return c
}

// cannotRemove returns the error for a file that cannot be removed: for the rights of its directory, or for another reason such
// as a mount on the file.
func cannotRemove(what, dir string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return explain(what, dir, inDirectory(err))
	}
	return fmt.Errorf("%s: %w", what, err)
}

// inDirectory turns the refusal to create or remove a file into one that names its directory, whose rights decide.
func inDirectory(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return &fs.PathError{Op: at.Op, Path: filepath.Dir(at.Path), Err: at.Err}
	}
	return err
}
