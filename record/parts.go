package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shmbus/shmbus/internal/shm"
)

// parts are the files of a recording: one of the given name, or numbered ones beside it: drive-0001.mcap and so on. Its methods may be
// called concurrently.
type parts struct {
	path     string
	numbered bool
	force    bool

	mu      sync.Mutex
	newest  int          // number of the newest part of this recording, or of the newest file from before
	current *destination // nil = none
	begun   time.Time    // the newest part
	files   []string     // complete parts of this recording
	deleted int
	written int64 // bytes of complete parts, also of deleted ones
}

// partDigits is the least number of digits of a part.
const partDigits = 4

// nameOf returns the name of a numbered part.
func (p *parts) nameOf(number int) string {
	ext := filepath.Ext(p.path)
	return fmt.Sprintf("%s-%0*d%s", strings.TrimSuffix(p.path, ext), partDigits, number, ext)
}

// numberOf is the inverse of nameOf, also for unfinished parts.
func (p *parts) numberOf(name string) (int, bool) {
	ext := filepath.Ext(p.path)
	digits, ok := strings.CutPrefix(strings.TrimSuffix(name, unfinished), strings.TrimSuffix(filepath.Base(p.path), ext)+"-")
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, ext)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n > 0 && filepath.Base(p.nameOf(n)) == strings.TrimSuffix(name, unfinished)
}

// A partFile is a file of the series on the disk, also one of an earlier recording.
type partFile struct {
	path   string
	number int
	size   int64
	ended  time.Time
}

// onDisk lists the parts that no recorder writes, the oldest first.
func (p *parts) onDisk() ([]partFile, error) {
	entries, err := os.ReadDir(filepath.Dir(p.path))
	if err != nil {
		return nil, err
	}
	var all []partFile
	for _, e := range entries {
		n, ok := p.numberOf(e.Name())
		info, err := e.Info()
		if !ok || err != nil || !info.Mode().IsRegular() {
			continue
		}
		f := partFile{filepath.Join(filepath.Dir(p.path), e.Name()), n, info.Size(), info.ModTime()}
		if strings.HasSuffix(f.path, unfinished) && isWritten(f.path) {
			continue
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b partFile) int { return a.number - b.number })
	return all, nil
}

// isWritten reports whether a recorder writes the file.
func isWritten(path string) bool {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(shm.Lock(f), shm.ErrLocked)
}

// create creates the next part and returns its number.
func (p *parts) create(now time.Time) (*destination, int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, err := p.createNext()
	if err == nil {
		p.current, p.begun = d, now
	}
	return d, p.newest, err
}

func (p *parts) createNext() (*destination, error) {
	if !p.numbered {
		p.newest = 1
		return createDestination(p.path, p.force)
	}
	if p.newest == 0 {
		entries, err := os.ReadDir(filepath.Dir(p.path))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if n, ok := p.numberOf(e.Name()); ok {
				p.newest = max(p.newest, n)
			}
		}
	}
	for {
		p.newest++
		d, err := createFile(p.nameOf(p.newest), false)
		if !errors.Is(err, fs.ErrExist) {
			return d, err
		}
		// Another recorder of the same series was faster.
	}
}

func (p *parts) begunAt() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begun
}

// done ends a part, of which err says why it is not complete.
func (p *parts) done(d *destination, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == d {
		p.current = nil
	}
	defer d.close()
	if err != nil {
		if d.size == 0 {
			d.remove()
		}
		return err
	}
	if err := d.finish(); err != nil {
		return err
	}
	p.written += d.size
	p.files = append(p.files, d.name())
	return nil
}

// name is the name of the complete file.
func (d *destination) name() string {
	if d.final != "" {
		return d.final
	}
	return d.path
}

// state returns the complete parts of this recording, and the size of all, with the given size of the current one.
func (p *parts) state(current int64) (files []string, deleted int, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		bytes = current
	}
	return slices.Clone(p.files), p.deleted, p.written + bytes
}

// limitFinalWrites bounds the remaining time of a stream.
func (p *parts) limitFinalWrites() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		p.current.limitFinalWrites()
	}
}
