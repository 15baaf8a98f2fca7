package record

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/record/mcapfile"
)

// parts are the files of a recording: one of the given name, or numbered ones beside it: drive-0001.mcap and so on. Its methods may be
// called concurrently.
type parts struct {
	path  string
	opts  *RecordOptions
	fail  func(error) // ends the recording
	start time.Time   // of the recording, by both clocks

	creating sync.Mutex // held while a part is created
	keeping  sync.Mutex // held while parts are deleted
	deleted  atomic.Int64
	due      atomic.Int64 // parts that begin when what waits before them is written

	mu      sync.Mutex
	newest  int               // number of the newest part of this recording, or of the newest file from before
	active  int               // number of the part that is created or written; 0 = none
	current *destination      // nil = none
	begun   time.Time         // the newest part
	files   []string          // complete parts of this recording
	ended   map[int]time.Time // when they were, by both clocks, of those that are not deleted; by number
	written int64             // bytes of complete parts, also of deleted ones
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
	ended  time.Time // by the wall clock; of a part of this recording, by both clocks
	ours   bool      // it is one of this recording
}

// onDisk lists the parts that no recorder writes, the oldest first.
func (p *parts) onDisk() ([]partFile, error) {
	entries, err := os.ReadDir(filepath.Dir(p.path))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	active, ended := p.active, maps.Clone(p.ended) // the active one has no lock yet while it is created
	p.mu.Unlock()
	var all []partFile
	for _, e := range entries {
		n, ok := p.numberOf(e.Name())
		info, err := e.Info()
		if !ok || n == active || err != nil || !info.Mode().IsRegular() {
			continue
		}
		f := partFile{path: filepath.Join(filepath.Dir(p.path), e.Name()), number: n, size: info.Size(), ended: info.ModTime()}
		if at, ok := ended[n]; ok {
			f.ended, f.ours = at, true
		}
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
	p.creating.Lock()
	defer p.creating.Unlock()
	d, number, err := p.createNext()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.active = 0
		return nil, 0, err
	}
	d.parts = p
	p.current, p.begun = d, now
	return d, number, nil
}

func (p *parts) createNext() (*destination, int, error) {
	newest, err := p.newestNumber()
	if err != nil {
		return nil, 0, err
	}
	for {
		newest++
		p.mu.Lock()
		p.newest, p.active = newest, newest
		p.mu.Unlock()
		if !p.opts.Numbered {
			d, err := createDestination(p.path, p.opts.Force)
			return d, newest, err
		}
		d, err := createFile(p.nameOf(newest), false)
		for isDiskFull(err) && p.deleteOldest() {
			d, err = createFile(p.nameOf(newest), false)
		}
		if !errors.Is(err, fs.ErrExist) {
			return d, newest, err
		}
		// Another recorder of the same series was faster.
	}
}

// newestNumber returns the number of the newest part, also of earlier recordings; 0 = there is none.
func (p *parts) newestNumber() (int, error) {
	p.mu.Lock()
	newest := p.newest
	p.mu.Unlock()
	if p.opts.Numbered && newest == 0 {
		if info, err := os.Stat(p.path); err == nil && !info.Mode().IsRegular() {
			return 0, fmt.Errorf("open %s: it is not a regular file, and parts are numbered files beside it; name a file", p.path)
		}
		entries, err := os.ReadDir(filepath.Dir(p.path))
		if err != nil {
			return 0, err
		}
		for _, e := range entries {
			if n, ok := p.numberOf(e.Name()); ok {
				newest = max(newest, n)
			}
		}
	}
	return newest, nil
}

func (p *parts) begunAt() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begun
}

// done ends a part, of which err says why it is not complete, and deletes what is too much with it.
func (p *parts) done(d *destination, err error) error {
	if err := p.end(d, err); err != nil {
		return err
	}
	return p.keep(time.Now(), 0)
}

func (p *parts) end(d *destination, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == d {
		p.current, p.active = nil, 0
	}
	defer d.close()
	if err != nil {
		if w := new(mcapfile.WriteError); d.size == 0 || isDiskFull(err) && errors.As(err, &w) && w.Messages == 0 {
			d.remove()
		}
		return err
	}
	if err := d.finish(); err != nil {
		return err
	}
	p.written += d.size
	p.files = append(p.files, d.name())
	if n, ok := p.numberOf(filepath.Base(d.name())); ok {
		if p.ended == nil {
			p.ended = make(map[int]time.Time)
		}
		p.ended[n] = time.Now()
	}
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
	return slices.Clone(p.files), int(p.deleted.Load()), p.written + bytes
}

// limitFinalWrites bounds the remaining time of a stream.
func (p *parts) limitFinalWrites() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		p.current.limitFinalWrites()
	}
}
