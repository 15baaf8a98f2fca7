package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/shmbus/shmbus/internal/killpoint"
	"github.com/shmbus/shmbus/internal/shm"
)

// Clean removes what dead participants left in the domain directory, and returns the names of the files; with dryRun it
// only names them. Files of the living, the registry file and files that are not of shmbus stay. It may run beside anything
// else, and a missing directory is a clean one. With an error it returns what it removed all the same.
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
	killpoint.At("clean.list")
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
	killpoint.At("clean.ask")
	if len(seen) == 0 {
		return nil, living, errors.Join(errs...)
	}
	names, err := removeFiles(dir, seen, dryRun)
	return names, living, errors.Join(append(errs, err)...)
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

// removeFiles removes all files of the dead, each participant file after the others of that participant, so that whoever
// is killed here leaves something that is still found. The directory is listed again: an earlier listing may have been made
// when they still lived and created files.
func removeFiles(dir string, dead map[ID]bool, dryRun bool) (removed []string, _ error) {
	others := make(map[ID][]string, len(dead))
	err := eachFile(dir, func(id ID, suffix string) {
		if dead[id] && suffix != participantSuffix {
			others[id] = append(others[id], suffix)
		}
	})
	errs := []error{err}
	killpoint.At("clean.again")
	for id := range dead {
		suffixes := others[id]
		slices.Sort(suffixes)
		for _, suffix := range append(suffixes, participantSuffix) {
			path := filePath(dir, id, suffix)
			info, err := os.Lstat(path)
			if err == nil && !info.Mode().IsRegular() {
				continue // a stranger under our name
			}
			if err == nil && !dryRun {
				err = os.Remove(path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				continue // somebody else cleans too
			}
			if err != nil {
				errs = append(errs, explain("files of the dead cannot be removed", dir, inDirectory(err)))
				break // leave the participant file for the next attempt
			}
			removed = append(removed, filepath.Base(path))
			if suffix != participantSuffix {
				killpoint.At("clean.files")
			} else {
				killpoint.At("clean.participant")
			}
		}
	}
	return removed, errors.Join(errs...)
}

// inDirectory makes of a refusal to remove a file one that is about its directory, whose rights decide.
func inDirectory(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return &fs.PathError{Op: at.Op, Path: filepath.Dir(at.Path), Err: at.Err}
	}
	return err
}
