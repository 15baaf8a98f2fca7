// Package doctor finds faults in a domain and explains them.
//
// Examine takes two snapshots of a domain, a moment apart, without joining it. It creates and changes nothing, wakes no
// process, and never waits for a process, in particular not for a stopped one. A reported state was present in both
// snapshots, because programs come and go during the examination, and an intermediate state is no fault. Losses and
// failures are those between the two snapshots.
//
// A finding says what is wrong and where, why it matters, and what helps. Suspicion is not reported as a fact: a stopped
// process is alive, and an invisible process may run in another pid namespace.
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
	// Sample is the time between the two snapshots, in which losses and failures are counted. 0 = 1 second; at least 100
	// ms, at most an hour.
	Sample time.Duration
}

// Bounds of Options.Sample.
const (
	MinSample     = 100 * time.Millisecond
	MaxSample     = time.Hour
	defaultSample = time.Second
)

// A Report is the result of Examine.
type Report struct {
	Domain     string // its directory
	Exists     bool
	Alive      int // participants, including stopped ones
	Stopped    int
	Dead       int // participants that left files
	FileSystem FileSystem
	Sampled    time.Duration // between the two snapshots
	Findings   []Finding     // most severe first
}

// Count returns the number of findings with that severity.
func (r *Report) Count(s Severity) (n int) {
	for i := range r.Findings {
		if r.Findings[i].Severity == s {
			n++
		}
	}
	return n
}

// A FileSystem describes the file system of the domain.
type FileSystem struct {
	Tmpfs     bool
	Size      int64 // bytes; 0 = limited by the machine's memory only
	Used      int64 // by all files
	Available int64
	Domain    int64 // bytes used by the files of the domain
}

// Examine examines the domain directory, an absolute path. A missing domain is a finding. An error means that the domain
// could not be examined: the directory cannot be read, or ctx ended.
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
	if x.before, err = takeSnapshot(ctx, dir, observer); err == nil {
		if err = pause(ctx, sample); err != nil {
			return nil, err
		}
		x.now, err = takeSnapshot(ctx, dir, observer)
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
		x.fileSystem, x.modes, x.owners, x.unexpectedFiles, x.registryFile, x.files, x.missing,
		x.dead, x.processes, x.subscriptions, x.held, x.publishers, x.staleReaders,
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
	dir            string
	info           fs.FileInfo // of dir
	space          shm.Space
	before, now    *snapshot
	report         *Report
	count          map[Fault]int // findings, including those that are not shown
	marksInspected int           // marks whose slots were inspected
}

// add adds a finding to the report. The number of findings per fault is limited, so that a hostile process cannot make the
// report unreadable.
func (x *examination) add(f Finding) {
	if x.count[f.Fault]++; x.count[f.Fault] <= maxPerFault {
		x.report.Findings = append(x.report.Findings, f)
	}
}

func (x *examination) done() *Report {
	order(x.report.Findings)
	for fault, n := range x.count {
		if n > maxPerFault {
			x.report.Findings = append(x.report.Findings, Finding{Severity: Note, Fault: NotShown,
				What:   fmt.Sprintf("%d more findings are %q", n-maxPerFault, fault),
				Why:    "A report is for people; many findings of one sort mostly have one cause.",
				Remedy: "Mend that, and look again."})
		}
	}
	return x.report
}

// clean is the command that removes the files of dead participants.
func (x *examination) clean() string { return x.shmmon("clean") }

func (x *examination) shmmon(command string) string {
	return fmt.Sprintf("shmmon %s --dir %s --domain %s", command, quote(filepath.Dir(x.dir)), quote(filepath.Base(x.dir)))
}

// path is the quoted path of a file in the domain.
func (x *examination) path(name string) string { return quote(filepath.Join(x.dir, name)) }

// quote makes s one word for a shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@,=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
