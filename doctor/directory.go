package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
)

// directory examines the directory itself. If it does not exist or is no directory, the examination ends.
func (x *examination) directory() (exists bool, _ error) {
	refused := registry.CheckDomain(x.dir)
	if refused == nil {
		_, refused = registry.DomainMissing(x.dir) // a problem only if no program creates it
	}
	var why *registry.DirError
	if errors.As(refused, &why) {
		x.add(Finding{Severity: Problem, Fault: BadDirectory, What: fmt.Sprintf("%s cannot be used: %s", why.Dir, reason(why)),
			Why: "No program joins this domain as long as that is so.", Remedy: sentence(why.Remedy)})
	}
	info, err := os.Stat(x.dir)
	switch {
	case err != nil && refused != nil:
		return false, nil // already reported
	case errors.Is(err, fs.ErrNotExist):
		x.absent("no program has joined it yet, or it was removed")
		return false, nil
	case err != nil:
		return false, err
	case !info.IsDir():
		x.report.Exists = true
		return false, nil
	}
	x.info, x.report.Exists = info, true
	if x.space, err = shm.SpaceAt(x.dir); err != nil {
		return true, err
	}
	return true, nil
}

func reason(e *registry.DirError) string {
	if e.Err != nil {
		return e.Reason + ": " + e.Err.Error()
	}
	return e.Reason
}

func (x *examination) absent(why string) {
	x.report.Exists = false
	x.add(Finding{Severity: Note, Fault: Absent, What: fmt.Sprintf("there is no domain %s: %s", x.dir, why),
		Why:    "The first program that joins makes it. If programs run, they are in another domain.",
		Remedy: "Compare --dir and --domain, SHMBUS_DIR and SHMBUS_DOMAIN, and the user, with those of the programs."})
}

// Free space of a file system, in percent.
const (
	lowPercent      = 10  // less is a warning
	criticalPercent = 2.0 // less is a problem
)

// fileSystem examines the file system.
func (x *examination) fileSystem() {
	s := x.space
	r := FileSystem{Tmpfs: s.Tmpfs, Size: s.Size, Used: s.Used(), Available: s.Available}
	for _, f := range x.now.files {
		r.Domain += f.bytes
	}
	if s.Size == 0 {
		r.Used, r.Available = 0, 0 // the kernel reports no values
	}
	x.report.FileSystem = r
	if !s.Tmpfs {
		x.add(Finding{Severity: Warning, Fault: NotTmpfs, What: fmt.Sprintf("the domain is on a file system that is no tmpfs (type %#x)", s.Type),
			Why:     "The kernel writes samples to a disk, which costs time and wear, and what is left there is still there after a boot.",
			Remedy:  "Have the domain on a tmpfs, such as /dev/shm or /run (SHMBUS_DIR).",
			Command: "findmnt -T " + quote(x.dir)})
	}
	if s.Size > 0 {
		x.checkFree(100*float64(s.Available)/float64(s.Size), fmt.Sprintf("the file system has %s left of %s; this domain takes %s of it, other files %s",
			formatSize(s.Available), formatSize(s.Size), formatSize(r.Domain), formatSize(max(0, r.Used-r.Domain))))
	}
	if s.Files > 0 {
		x.checkFree(100*float64(s.FilesFree)/float64(s.Files), fmt.Sprintf("the file system has room for %d files of %d", s.FilesFree, s.Files))
	}
}

func (x *examination) checkFree(free float64, what string) {
	severity := Warning
	switch {
	case free >= lowPercent:
		return
	case free < criticalPercent:
		severity = Problem
	}
	x.add(Finding{Severity: severity, Fault: NearlyFull, What: what,
		Why:     "What does not fit is refused: publishers that need more memory fail, and programs cannot join.",
		Remedy:  "Remove what is not needed, or give the file system more; 'shmmon ps' and 'shmmon info' show what each process takes.",
		Command: "findmnt -T " + quote(x.dir)})
}

// registryFile reports a missing registry file.
func (x *examination) registryFile() {
	if _, before := x.before.files[registry.RegistryFile]; before {
		return
	}
	if _, now := x.now.files[registry.RegistryFile]; now || x.now.truncated || len(x.aliveInBoth()) == 0 {
		return
	}
	x.add(Finding{Severity: Warning, Fault: NoBell, What: "there is no registry file, though programs run", Where: Where{}.files(registry.RegistryFile),
		Why:    "Changes are not announced: programs connect and part late.",
		Remedy: "Programs that run make it anew within seconds unless they are stopped or may not; then restart them. Do not remove files by hand."})
}

// formatSize formats a number of bytes for people.
func formatSize(n int64) string {
	v, units := float64(n), "BKMGTP"
	for v >= 1024 && len(units) > 1 {
		v, units = v/1024, units[1:]
	}
	if units[0] == 'B' {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.3g %ciB", v, units[0])
}

// plural formats a number of things.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// sentence makes a sentence of the remedy of an error.
func sentence(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
