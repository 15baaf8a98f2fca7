package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/registry"
)

// files reports files that are invalid or cannot be read. Files of dead participants have a finding of their own.
func (x *examination) files() {
	for _, name := range slices.Sorted(maps.Keys(x.now.bad)) {
		err := x.now.bad[name]
		f, there := x.now.files[name]
		if !there || x.before.bad[name] == nil || x.now.dead[f.owner] || !f.regular() {
			continue
		}
		w := whereParticipant(x.now.members[f.owner])
		w.Participant = f.owner
		x.add(x.fileFinding(name, err, w.files(name)))
	}
	if names := x.now.inaccessible; len(names) > 0 {
		x.add(Finding{Severity: Note, Fault: Unreadable, What: fmt.Sprintf("%s not open to a user who may only read in this domain", verb(len(names), "file", "is", "are")),
			Why:    "They hold what processes sleep on. Which subscription keeps up, and what it holds, is in them, so this examination does not see that.",
			Remedy: "Run doctor as the owner of the directory to see all.", Where: Where{}.files(names...)})
	}
}

func verb(n int, what, one, many string) string {
	if n == 1 {
		many = one
	}
	return plural(n, what) + " " + many
}

func (x *examination) fileFinding(name string, err error, w Where) Finding {
	var version *errdefs.VersionError
	switch {
	case errors.As(err, &version):
	case errors.Is(err, fs.ErrPermission):
		return Finding{Severity: Warning, Fault: Unreadable, What: fmt.Sprintf("%s cannot be read: %v", name, err),
			Why:    "Whoever may not read it does not see that program, and this examination does not either.",
			Remedy: "See what is said of modes, owners and groups; or look again as the user that the file belongs to.", Where: w}
	default:
		return Finding{Severity: Problem, Fault: Corrupt, What: err.Error(),
			Why:    "Others do not believe this file and do without it: they do not hear what that program publishes, or not all of it.",
			Remedy: "Restart the program that the file belongs to. If it happens again, it has a fault, or something else writes into its files.", Where: w}
	}
	f := Finding{Severity: Problem, Fault: OtherVersion, Where: w,
		What:    fmt.Sprintf("%s has layout version %d; this program speaks version %d", name, version.Found, version.Known),
		Why:     "Programs of different layout versions do not hear each other, though they are in one domain.",
		Remedy:  "Build all programs of the domain with the same release of shmbus, or give them different domains (SHMBUS_DOMAIN).",
		Command: "fuser -v " + x.path(name)}
	if name == registry.RegistryFile {
		f.Why = "Programs of another layout version were there first. Those of this one cannot join."
		f.Remedy += " If no program runs, remove the file."
		f.Command = "rm " + x.path(name)
		if len(x.aliveInBoth()) > 0 {
			f.Command = ""
		}
	}
	return f
}

// missing reports files that participants announce and that do not exist.
func (x *examination) missing() {
	if x.now.truncated {
		return
	}
	for _, p := range x.aliveInBoth() {
		if x.stopped(p.ID) {
			continue // it may have been stopped while it closed them
		}
		said := map[string]bool{} // several endpoints share a file
		for _, e := range p.Endpoints {
			for _, name := range endpointFiles(e) {
				if _, before := x.before.topics[e.ID]; !before || !x.before.absent[name] || !x.now.absent[name] || said[name] {
					continue
				}
				said[name] = true
				x.add(Finding{Severity: Problem, Fault: MissingFile, What: fmt.Sprintf("%s is missing, though its program runs and says that it is there", name),
					Why:    "Those who have it open go on, and nobody else can connect.",
					Remedy: "Restart that program. Do not remove files by hand while programs run.", Where: whereEndpoint(p, e).files(name)})
			}
		}
	}
}
