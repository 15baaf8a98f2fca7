package doctor

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
)

// modes compares the modes of the directory and the files with the expected modes.
func (x *examination) modes() {
	x.directoryMode()
	type difference struct{ is, want fs.FileMode }
	wider, narrower := map[difference][]string{}, map[difference][]string{}
	for name, f := range x.now.files {
		if !f.regular() || f.owner == 0 && name != registry.RegistryFile {
			continue
		}
		if x.setByPolicy(f) {
			continue
		}
		d := difference{f.info.Mode().Perm(), x.expectedMode(f)}
		if d.is&^d.want != 0 {
			wider[d] = append(wider[d], name)
		}
		if d.want&^d.is != 0 {
			narrower[d] = append(narrower[d], name)
		}
	}
	const remedy = "Programs set the modes of files when they make them: restart them if the mode of the directory was changed, or change these back."
	for d, names := range wider {
		severity, why := Warning, "Users who should not can read what is published, or move processes that sleep to where nothing wakes them."
		if d.is&^d.want&0o022 != 0 {
			severity, why = Problem, "Users who should not can write into these files, and so corrupt what others publish and receive."
		}
		x.add(Finding{Severity: severity, Fault: WiderMode, What: modeDifference(d.is, d.want, names), Why: why, Remedy: remedy,
			Command: x.chmod(d.want, names), Where: Where{}.files(names...)})
	}
	for d, names := range narrower {
		x.add(Finding{Severity: Warning, Fault: NarrowerMode, What: modeDifference(d.is, d.want, names),
			Why:    "Users who should see these files cannot: they neither publish to those programs nor hear of what they publish.",
			Remedy: remedy, Command: x.chmod(d.want, names), Where: Where{}.files(names...)})
	}
}

// expectedMode is the mode that a file should have. In a directory of another user, root's files are readable for the
// group.
func (x *examination) expectedMode(f file) fs.FileMode {
	modes := registry.FileModes(x.info.Mode())
	uid, _, _ := fileOwner(x.info)
	switch {
	case f.owner == 0:
		return modes.Registry
	case f.sleptOn() && (f.uid == uid || f.uid != 0):
		return modes.Wait
	}
	return modes.Read
}

// setByPolicy reports whether the policy of the domain may have set a file's mode and group. shmmon policy checks such
// files.
func (x *examination) setByPolicy(f file) bool {
	_, policy := x.now.files[registry.PolicyName]
	return policy && strings.HasPrefix(f.suffix, registry.SuffixPublisher) && f.info.Mode().Perm()&^0o640 == 0
}

func modeDifference(is, want fs.FileMode, names []string) string {
	have := "have"
	if len(names) == 1 {
		have = "has"
	}
	return fmt.Sprintf("%s %s mode %04o instead of %04o", plural(len(names), "file"), have, is, want)
}

func (x *examination) chmod(want fs.FileMode, names []string) string {
	command := fmt.Sprintf("chmod %04o", want)
	slices.Sort(names)
	for _, name := range names[:min(len(names), maxNames)] {
		command += " " + x.path(name)
	}
	return command
}

func (x *examination) directoryMode() {
	mode := x.info.Mode()
	say := func(severity Severity, what, why, remedy, set string) {
		x.add(Finding{Severity: severity, Fault: DirectoryMode, What: fmt.Sprintf("the directory of the domain %s (mode %04o)", what, perm(mode)),
			Why: why, Remedy: remedy, Command: "chmod " + set + " " + quote(x.dir)})
	}
	if mode&0o700 != 0o700 {
		say(Problem, "does not let its owner do everything", "Its owner's programs cannot join.", "Give the owner all rights.", "u+rwx")
	}
	if mode&0o005 != 0 && mode&0o002 == 0 {
		say(Note, "may be listed or entered by every user", "They see the participants, though not what is published.",
			"Take these rights away, unless that is meant.", "o-rx")
	}
	if group := mode & 0o070; group != 0 && group != 0o050 && group != 0o070 {
		say(Warning, "gives its group a part of the rights only", "To look at a domain takes r and x, to take part all three.",
			"Use 2750 for a group that looks and 2770 for one that takes part.", "g+rx")
	}
	if mode&fs.ModeSticky != 0 && mode&0o020 != 0 {
		say(Note, "is sticky", "No user can remove files of others; what a dead program left can be removed by its own user and the directory's owner alone.",
			"Let root clean up now and then (shmmon clean), or take the sticky bit away.", "-t")
	}
	if mode&0o040 != 0 && mode&fs.ModeSetgid == 0 {
		say(Note, "is for a group, but does not hand its group to files", "Files have the group of the process that makes them.",
			"Set the setgid bit.", "g+s")
	}
}

// perm converts a mode to the form of chmod.
func perm(m fs.FileMode) fs.FileMode {
	p := m.Perm()
	for bit, set := range map[fs.FileMode]fs.FileMode{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			p |= set
		}
	}
	return p
}

// owners compares the owners and groups of the files with those of the directory and with each other.
func (x *examination) owners() {
	uid, gid, _ := fileOwner(x.info)
	group := x.info.Mode()&0o040 != 0
	users, groups, mixed := map[int][]string{}, map[int][]string{}, map[registry.ID][]string{}
	for name, f := range x.now.files {
		if !f.regular() || f.owner == 0 && name != registry.RegistryFile {
			continue
		}
		if !group && f.uid != uid {
			users[f.uid] = append(users[f.uid], name)
		}
		if group && f.gid != gid && !x.setByPolicy(f) {
			groups[f.gid] = append(groups[f.gid], name)
		}
		if main, ok := x.now.files[f.owner.String()+"."+registry.SuffixParticipant]; ok && f.owner != 0 && main.uid != f.uid {
			mixed[f.owner] = append(mixed[f.owner], name)
		}
	}
	for other, names := range users {
		x.add(Finding{Severity: Warning, Fault: FileOwner, What: fmt.Sprintf("%s belong to user %d, the directory to user %d", plural(len(names), "file"), other, uid),
			Why:    "The domain is for one user. Programs of different users cannot read each other's files there; only root's can read all.",
			Remedy: "Run the programs of a domain as one user, or give the directory a group and mode 2770.", Where: Where{}.files(names...)})
	}
	for other, names := range groups {
		x.add(Finding{Severity: Warning, Fault: FileGroup, What: fmt.Sprintf("%s have group %d, the directory has group %d", plural(len(names), "file"), other, gid),
			Why:    "The group of the domain cannot read them, so it does not see those programs.",
			Remedy: "Set the directory's setgid bit, then restart the programs.", Command: "chmod g+s " + quote(x.dir), Where: Where{}.files(names...)})
	}
	for _, id := range slices.Sorted(maps.Keys(mixed)) {
		w := whereParticipant(x.now.members[id])
		w.Participant = id
		x.add(Finding{Severity: Problem, Fault: FileOwner, What: fmt.Sprintf("%s of participant %v belong to another user than its participant file", plural(len(mixed[id]), "file"), id),
			Why: "A program's files are made by it alone: another user put these there.",
			Remedy: "Find out which user did it, and remove them; in a sticky directory that takes the files' owner, the directory's, or root. " +
				"If one of them is in the place of a file of that program, restart the program.", Where: w.files(mixed[id]...)})
	}
}

// unexpectedFiles reports entries that do not belong in the directory.
func (x *examination) unexpectedFiles() {
	var foreign, odd []string
	for name, f := range x.now.files {
		if _, before := x.before.files[name]; !before {
			continue
		}
		switch ours := f.owner != 0 || name == registry.RegistryFile; {
		case name == registry.PolicyName && f.regular():
		case !ours:
			foreign = append(foreign, name)
		case !f.ofItsSort():
			odd = append(odd, name)
		}
	}
	if len(foreign) > 0 {
		x.add(Finding{Severity: Note, Fault: Foreign, What: fmt.Sprintf("%s in the directory that shmbus does not know", plural(len(foreign), "name")),
			Why:    "shmbus never touches them. They take memory, and the directory is not removed with the domain.",
			Remedy: "Move them elsewhere if they are not needed there.", Where: Where{}.files(foreign...)})
	}
	slices.Sort(odd)
	for _, name := range odd {
		f := x.now.files[name]
		severity := Warning
		if f.owner == 0 {
			severity = Problem // no process can create the registry file
		}
		sort := "file"
		if f.regular() {
			sort = "socket"
		}
		x.add(Finding{Severity: severity, Fault: NotAFile, What: fmt.Sprintf("%s is no %s but a %s", name, sort, shm.SortOf(f.info.Mode())),
			Why:    "shmbus makes only a " + sort + " under such a name, and opens nothing else: another program put this there, and the rightful owner of the name cannot use it.",
			Remedy: "Find out which user did it, and remove it.", Command: "ls -ld " + x.path(name), Where: Where{Participant: f.owner}.files(name)})
	}
	if x.now.truncated {
		x.add(Finding{Severity: Problem, Fault: Foreign, What: fmt.Sprintf("the directory has more than %d files", maxFiles),
			Why: "So many no domain has. The others were not looked at.", Remedy: "Find out which program makes them."})
	}
}
