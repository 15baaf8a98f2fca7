package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// keep deletes the oldest parts beyond the limits of opts. now is the time, current the size of the part that is written.
func (p *parts) keep(o *RecordOptions, now time.Time, current int64) error {
	if o.KeepSize > 0 || o.KeepDuration > 0 {
		all, err := p.onDisk()
		if err != nil {
			return err
		}
		total := current
		for _, f := range all {
			total += f.size
		}
		for _, f := range all {
			if !(o.KeepSize > 0 && total > o.KeepSize) && !(o.KeepDuration > 0 && now.Sub(f.ended) > o.KeepDuration) {
				break
			}
			if err := p.delete(f); err != nil {
				return err
			}
			total -= f.size
		}
	}
	if o.MinFree > 0 {
		return p.keepFree(o)
	}
	return nil
}

// keepFree deletes the oldest parts, if that is allowed, until there is enough free space.
func (p *parts) keepFree(o *RecordOptions) error {
	var all []partFile
	for listed := false; ; listed = true {
		free, err := p.free()
		if err != nil || free >= o.MinFree {
			return err
		}
		if o.DeleteOldest && !listed {
			if all, err = p.onDisk(); err != nil {
				return err
			}
		}
		if len(all) == 0 {
			return &MinFreeError{Path: p.path, Free: free, MinFree: o.MinFree}
		}
		if err := p.delete(all[0]); err != nil {
			return err
		}
		all = all[1:]
	}
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
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete the oldest part of the recording: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deleted++
	return nil
}
