package doctor

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
)

// dead reports dead participants whose files existed in both snapshots.
func (x *examination) dead() {
	left := map[registry.ID][]string{}
	for name, f := range x.now.files {
		if x.now.dead[f.owner] && f.ofItsSort() {
			left[f.owner] = append(left[f.owner], name)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		if x.before.dead[id] {
			x.reportDead(id, left[id])
		}
	}
	x.report.Dead = len(left)
}

func (x *examination) reportDead(id registry.ID, names []string) {
	p, known := x.now.members[id]
	w := whereParticipant(p)
	w.Participant = id
	w = w.files(names...)
	if x.lockedWithoutFile(id) {
		x.add(Finding{Severity: Problem, Fault: Nameless, Where: w,
			What:   fmt.Sprintf("the participant file of %v is gone, but its program runs: its reader file is locked", id),
			Why:    "No other program sees that program, and the next one that joins takes it for dead and removes its other files.",
			Remedy: "Restart that program. Do not remove files by hand while programs run.", Command: "fuser -v " + x.path(id.String()+"."+registry.SuffixReader)})
		return
	}
	var bytes int64
	slots := 0
	for _, name := range names {
		bytes += x.now.files[name].bytes
	}
	for ring, state := range x.now.rings {
		if ring.Participant == id {
			n, _ := state.Slots()
			slots += n
		}
	}
	name := fmt.Sprintf("participant %v", id)
	if known {
		name = fmt.Sprintf("%s (pid %d)", p.Unit, p.PID)
	}
	var more []string
	if slots > 0 {
		more = append(more, plural(slots, "slot"))
	}
	if n := x.marks(id); n > 0 {
		more = append(more, "marks on "+plural(n, "sample")+" of others")
	}
	what := fmt.Sprintf("%s is dead, and left %s, %s", name, plural(len(names), "file"), formatSize(bytes))
	if len(more) > 0 {
		what += ", with " + strings.Join(more, " and ")
	}
	if boot, err := process.BootID(); known && err == nil && boot != p.BootID {
		what += "; it is from another boot of this machine"
	}
	why := "It takes memory. Marks of the dead hold nothing up."
	switch alive := x.aliveInBoth(); {
	case len(alive) == 0:
		why += " No program is left here that would remove it; the next one that joins does."
	case slices.ContainsFunc(alive, func(p registry.Participant) bool { return !x.stopped(p.ID) }):
		why += " Programs that run here should have removed it by now: perhaps they may not (see modes and owners)."
	default:
		why += " The programs that live here are stopped, and remove it when they go on."
	}
	x.add(Finding{Severity: Warning, Fault: Dead, What: what, Why: why, Where: w,
		Remedy: x.removalRemedy(names), Command: x.clean()})
}

// removalRemedy names the users that can remove the files. A sticky directory restricts the removal to owners.
func (x *examination) removalRemedy(names []string) string {
	remedy := "Remove what the dead left; files of the living are never touched."
	if x.info.Mode()&fs.ModeSticky == 0 {
		return remedy
	}
	var whose []string
	for _, name := range names {
		if user := fmt.Sprintf("user %d", x.now.files[name].uid); !slices.Contains(whose, user) {
			whose = append(whose, user)
		}
	}
	slices.Sort(whose)
	uid, _, _ := fileOwner(x.info)
	return remedy + fmt.Sprintf(" The directory is sticky: that takes %s, each for its own, or user %d, whose the directory is, or root.",
		strings.Join(whose[:min(len(whose), maxNames)], ", "), uid)
}

// lockedWithoutFile reports whether a reader file is locked by a process while the participant file is gone.
func (x *examination) lockedWithoutFile(id registry.ID) bool {
	if _, there := x.now.files[id.String()+"."+registry.SuffixParticipant]; there {
		return false
	}
	f, err := shm.Open(filepath.Join(x.dir, id.String()+"."+registry.SuffixReader))
	if err != nil {
		return false
	}
	defer f.Close()
	locked, err := f.Locked()
	return err == nil && locked
}

// marks counts the samples that a participant has marked.
func (x *examination) marks(id registry.ID) (n int) {
	for _, link := range x.now.links[id] {
		n += countMarks(link.Marks)
	}
	return n
}

func countMarks(marks []uint32) (n int) {
	for _, m := range marks {
		if m != 0 {
			n++
		}
	}
	return n
}

// processes reports participants whose process is stopped, ended or not visible.
func (x *examination) processes() {
	for _, p := range x.now.members {
		if p.Alive {
			x.report.Alive++
		}
		if p.Alive && p.State == registry.StateStopped {
			x.report.Stopped++
		}
	}
	for _, p := range x.aliveInBoth() {
		if p.State != x.before.members[p.ID].State {
			continue
		}
		name := fmt.Sprintf("%s (pid %d)", p.Unit, p.PID)
		switch p.State {
		case registry.StateStopped:
			pubs, subs := 0, 0
			for _, e := range p.Endpoints {
				if e.Kind == registry.KindPublisher {
					pubs++
				} else {
					subs++
				}
			}
			x.add(Finding{Severity: Warning, Fault: Stopped, Where: whereParticipant(p),
				What: fmt.Sprintf("%s is stopped, by a signal or a debugger, with %s and %s", name, plural(pubs, "publisher"), plural(subs, "subscription")),
				Why: "It is alive, so nothing of it is removed. It publishes and receives nothing, admits no new subscriptions, keeps the samples " +
					"that it holds, and publishers wait for it if it is lossless, up to its timeout.",
				Remedy: "Let it go on, or end it. It counts as lost what it missed.", Command: fmt.Sprintf("kill -CONT %d", p.PID)})
		case registry.StateEnded:
			x.add(Finding{Severity: Warning, Fault: Ended, Where: whereParticipant(p),
				What:    fmt.Sprintf("%s has ended, but something holds the lock that says it lives", name),
				Why:     "Others take it for alive, and its files stay. The lock goes with the last process that has the file open or mapped.",
				Remedy:  "End what has the file open: mostly a child that it forked without exec.",
				Command: "fuser -v " + x.path(p.ID.String()+"."+registry.SuffixParticipant)})
		case registry.StateUnseen:
			x.add(Finding{Severity: Note, Fault: Unseen, Where: whereParticipant(p),
				What: fmt.Sprintf("%s lives, and its process cannot be seen from here", name),
				Why: "Mostly it is in another pid namespace (a container), or /proc hides it. The lock on its file says that it lives. Its death " +
					"is noticed after some 50 ms instead of at once, and whether it is stopped cannot be told.",
				Remedy: "Nothing needs to be done. Inside its container its pid is the one it says."})
		}
	}
}
