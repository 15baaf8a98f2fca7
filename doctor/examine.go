package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
)

// Options of Examine. The zero value is right.
type Options struct {
	// Sample is how long to look for losses and failures; 0 = 1 second. At least 100 ms, at most an hour.
	Sample time.Duration
}

// Bounds of Options.Sample.
const (
	MinSample     = 100 * time.Millisecond
	MaxSample     = time.Hour
	defaultSample = time.Second
)

// A Report is what Examine found.
type Report struct {
	Domain     string // its directory
	Exists     bool
	Alive      int // participants, the stopped included
	Stopped    int
	Dead       int // those that left files behind
	FileSystem FileSystem
	Sampled    time.Duration // between the two looks
	Findings   []Finding     // the worst first
}

// Count returns how many findings have that severity.
func (r *Report) Count(s Severity) (n int) {
	for i := range r.Findings {
		if r.Findings[i].Severity == s {
			n++
		}
	}
	return n
}

// A FileSystem is what the domain lies on.
type FileSystem struct {
	Tmpfs     bool
	Size      int64 // bytes; 0 = no limit but the machine's memory
	Used      int64 // by whatever is there
	Available int64
	Domain    int64 // what the files of the domain take
}

// Examine examines the domain directory, an absolute path. A domain that does not exist is a finding. An error says that it could
// not be examined: the directory may not be read, or ctx ended.
func Examine(ctx context.Context, dir string, opts *Options) (*Report, error) {
	sample := time.Duration(0)
	if opts != nil {
		sample = opts.Sample
	}
	if sample == 0 {
		sample = defaultSample
	}
	if sample < MinSample || sample > MaxSample {
		return nil, fmt.Errorf("examine the domain: a sample of %v is not between %v and %v", sample, MinSample, MaxSample)
	}
	observer, err := registry.Observe(dir)
	if err != nil {
		return nil, err
	}
	defer observer.Close()
	dir = filepath.Clean(dir)
	x := &examination{dir: dir, report: &Report{Domain: dir}, count: map[Fault]int{}}
	if exists, err := x.directory(); !exists {
		return x.done(), err
	}
	if x.before, err = take(ctx, dir, observer); err == nil {
		if err = pause(ctx, sample); err != nil {
			return nil, err
		}
		x.now, err = take(ctx, dir, observer)
	}
	if errors.Is(err, fs.ErrNotExist) {
		x.absent("it was removed while it was examined")
		return x.done(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("examine the domain: %w", err)
	}
	x.report.Sampled = time.Duration(x.now.at - x.before.at)
	for _, check := range []func(){
		x.room, x.modes, x.owners, x.strangers, x.bell, x.files, x.missing,
		x.dead, x.processes, x.subscriptions, x.held, x.publishers, x.watched,
	} {
		check()
	}
	return x.done(), nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// An examination is one call of Examine.
type examination struct {
	dir         string
	info        fs.FileInfo // of dir
	space       shm.Space
	before, now *look
	report      *Report
	count       map[Fault]int // findings, those that are not shown included
	marked      int           // slots that were looked at for the sake of a mark
}

// add makes a finding part of the report. However many faults somebody seeds, the report stays readable.
func (x *examination) add(f Finding) {
	if x.count[f.Fault]++; x.count[f.Fault] <= maxOfOne {
		x.report.Findings = append(x.report.Findings, f)
	}
}

func (x *examination) done() *Report {
	order(x.report.Findings)
	for fault, n := range x.count {
		if n > maxOfOne {
			x.report.Findings = append(x.report.Findings, Finding{Severity: Note, Fault: NotShown,
				What:   fmt.Sprintf("%d more findings are %q", n-maxOfOne, fault),
				Why:    "A report is for people; many findings of one sort mostly have one cause.",
				Remedy: "Mend that, and look again."})
		}
	}
	return x.report
}

// clean is the command that removes what the dead left.
func (x *examination) clean() string { return x.shmmon("clean") }

func (x *examination) shmmon(command string) string {
	return fmt.Sprintf("shmmon %s --dir %s --domain %s", command, quote(filepath.Dir(x.dir)), quote(filepath.Base(x.dir)))
}

// path is the quoted path of a file of the domain.
func (x *examination) path(name string) string { return quote(filepath.Join(x.dir, name)) }

// quote makes one word of s for a shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@,=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
