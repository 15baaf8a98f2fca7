package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/internal/shm"
)

// A MinFreeError says that a recording ended because the disk had less free space than RecordOptions.MinFree. What was recorded before is
// complete.
type MinFreeError struct {
	Path    string
	Free    int64 // bytes
	MinFree int64 // bytes
}

func (e *MinFreeError) Error() string {
	return fmt.Sprintf("the recording %s ended: its disk has %d bytes free, at least %d are to stay free; what was recorded is complete",
		e.Path, e.Free, e.MinFree)
}

// keep deletes the oldest parts beyond KeepSize and KeepDuration. current is the size of the part that is written.
func (p *parts) keep(now time.Time, current int64) error {
	o := p.opts
	if o.KeepSize == 0 && o.KeepDuration == 0 {
		return nil
	}
	p.keeping.Lock()
	defer p.keeping.Unlock()
	all, err := p.onDisk()
	if err != nil {
		return err
	}
	total := current
	for _, f := range all {
		total += f.size
	}
	for _, f := range all {
		if !(o.KeepSize > 0 && total > o.KeepSize) && !(o.KeepDuration > 0 && p.age(&f, now) > o.KeepDuration) {
			break
		}
		if err := p.delete(f); err != nil {
			return err
		}
		total -= f.size
	}
	return nil
}

// age returns how long ago a part ended, at a time of both clocks.
func (p *parts) age(f *partFile, now time.Time) time.Duration {
	if f.ours {
		return now.Sub(f.ended)
	}
	return ageOf(f.ended, p.start, now, now.Sub(p.start))
}

// ageOf returns the age of a file that was changed at a time of the wall clock, which may have been set since the start of the recording. The
// age is rather too small: a file is not deleted early. elapsed is the time since the start by the monotonic clock.
func ageOf(changed, start, now time.Time, elapsed time.Duration) time.Duration {
	age := now.Round(0).Sub(changed)
	if changed.After(start) { // the wall clock was slow at the start, or another recorder writes: its present time is the better one
		return age
	}
	return min(age, start.Round(0).Sub(changed)+elapsed)
}

// keepFree returns a *MinFreeError if n more bytes leave less than MinFree. It deletes the oldest parts before, if that is allowed.
func (p *parts) keepFree(n int64) error {
	if p.opts.MinFree == 0 {
		return nil
	}
	for {
		free, err := p.free()
		if err != nil || free-n >= p.opts.MinFree {
			return err
		}
		if !p.deleteOldest() {
			return &MinFreeError{Path: p.path, Free: max(free-n, 0), MinFree: p.opts.MinFree}
		}
	}
}

// leaves reports whether n more bytes leave MinFree.
func (p *parts) leaves(n int64) bool {
	if p.opts.MinFree == 0 {
		return true
	}
	free, err := p.free()
	return err != nil || free-n >= p.opts.MinFree
}

// isDiskFull reports whether err says that the disk, or a quota, is used up.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// deleteOldest deletes the oldest part, and reports whether there was one and DeleteOldest allows it. If it cannot, the recording ends.
func (p *parts) deleteOldest() bool {
	if !p.opts.DeleteOldest {
		return false
	}
	p.keeping.Lock()
	defer p.keeping.Unlock()
	all, err := p.onDisk()
	if err == nil && len(all) > 0 {
		err = p.delete(all[0])
	}
	if err != nil {
		p.fail(err)
	}
	return err == nil && len(all) > 0
}

// free returns the bytes that are free where the parts are written.
func (p *parts) free() (int64, error) {
	s, err := shm.SpaceAt(filepath.Dir(p.path))
	if errors.Is(err, shm.ErrUnsupported) {
		return 1<<63 - 1, nil
	}
	return s.Available, err
}

func (p *parts) delete(f partFile) error {
	switch err := os.Remove(f.path); {
	case err == nil:
		p.deleted.Add(1)
		p.mu.Lock()
		delete(p.ended, f.number)
		p.mu.Unlock()
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("delete the oldest part of the recording: %w", err)
	}
	return nil
}
