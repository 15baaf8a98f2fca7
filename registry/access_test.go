//go:build linux

package registry

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// whoIs returns what an observer and a participant see of somebody.
func whoIs(t *testing.T, dir string, id ID) (observed, met Participant) {
	t.Helper()
	o, err := Observe(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	r, err := Join(Options{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Refresh(); err != nil {
		t.Fatal(err)
	}
	all, err := o.Look()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.ID == id {
			observed = p
		}
	}
	for _, p := range r.Participants() {
		if p.ID == id {
			met = p
		}
	}
	return observed, met
}

func TestTheKernelSaysWhoAParticipantIs(t *testing.T) {
	dir := domain(t)
	r := watch(t, dir)
	observed, met := whoIs(t, dir, r.ID())
	for _, p := range []Participant{observed, met} {
		if p.UID != os.Geteuid() || p.GID != os.Getegid() || p.PID != os.Getpid() {
			t.Errorf("%+v", p)
		}
	}
	if observed.PIDProof != SameFile || met.PIDProof != SameUser {
		t.Errorf("the pid of this process: %v and %v", observed.PIDProof, met.PIDProof)
	}
}

func TestALieAboutAPidIsNoProof(t *testing.T) {
	needsRoot(t)
	dir := domain(t)
	foreign, foreignStart := sleeperAs(t, 5002, 6002)
	own, ownStart := sleeperAs(t, 0, 0)
	for what, tc := range map[string]struct {
		alter func(*header)
		want  Proof
	}{
		"another user's process":         {func(h *header) { h.self.PID, h.self.StartTime = foreign, foreignStart }, OwnWord},
		"another process of the user's":  {func(h *header) { h.self.PID, h.self.StartTime = own, ownStart }, SameUser},
		"a process that has the pid now": {func(h *header) { h.self.StartTime++ }, OwnWord},
		"a process of another boot":      {func(h *header) { h.self.BootID[3]++ }, OwnWord},
	} {
		f := forge(t, dir, tc.alter)
		observed, met := whoIs(t, dir, f.id)
		if observed.ID != f.id || observed.PIDProof != tc.want || met.PIDProof != tc.want || observed.UID != 0 {
			t.Errorf("%s: %v and %v of user %d, want %v", what, observed.PIDProof, met.PIDProof, observed.UID, tc.want)
		}
	}
}

func TestASchemaOfAnotherUserIsNotBelieved(t *testing.T) {
	needsRoot(t)
	dir := domain(t)
	r := watch(t, dir)
	e := publisher("a")
	e.Schema = []byte("schema")
	a := advertise(t, r.Registry, e)
	if err := os.Chown(r.Path(schemaSuffix(a.ID().Number)), 5002, -1); err != nil {
		t.Fatal(err)
	}
	o, err := Observe(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	all, err := o.Look()
	if err != nil || len(all) != 1 || len(all[0].Entities) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	wantText(t, errors.Join(o.Problems()...), "belongs to user 5002", "somebody else put it there")
}

func TestTheUmaskChangesNoModeOfADirectory(t *testing.T) {
	for _, mask := range []int{0, 0o777} {
		dir := domain(t)
		old := syscall.Umask(mask)
		err := makeDir(dir)
		syscall.Umask(old)
		info, serr := os.Stat(dir)
		if err != nil || serr != nil || info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("umask %#o: mode %v, %v, %v", mask, info.Mode(), err, serr)
		}
	}
}

// Under a umask that takes everything a directory has no mode at all for a moment, or for ever if its maker dies in it.
func TestADirectoryThatItsMakerLeftWithoutAModeIsOpened(t *testing.T) {
	dir := domain(t)
	if err := os.Mkdir(dir, 0); err != nil {
		t.Fatal(err)
	}
	if err := makeDir(dir); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if os.Geteuid() != 0 {
		return
	}
	theirs := domain(t)
	if err := errors.Join(os.Mkdir(theirs, 0), os.Chown(theirs, 5001, 6001)); err != nil {
		t.Fatal(err)
	}
	if err := makeDir(theirs); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if info, err := os.Stat(theirs); err != nil || info.Mode().Perm() != 0 {
		t.Errorf("of another user: mode %v, %v", info.Mode(), err)
	}
}

// Whoever joins as root in the domain of a user first must not lock that one out.
func TestARegistryFileOfRootIsTheOwnersOfTheDomain(t *testing.T) {
	needsRoot(t)
	dir := domain(t)
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 5001, 6001)); err != nil {
		t.Fatal(err)
	}
	r, err := Join(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	info, err := os.Stat(dir + "/" + registryName)
	if err != nil || ownerOf(info) != 5001 {
		t.Errorf("it belongs to user %d, %v", ownerOf(info), err)
	}
}

func TestAReaderLeavesNoTrace(t *testing.T) {
	dir := domain(t)
	if r, err := Join(Options{Dir: dir, ReadOnly: true}); err == nil {
		r.Close()
		t.Error("joined a domain that is not there")
	} else {
		wantText(t, err, "does not exist")
	}
	w := watch(t, dir)
	names := func() (all []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return all
	}
	before := names()
	dead := filePath(dir, 5, participantSuffix)
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Join(Options{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	r.Touch()
	if _, err := r.Advertise(Entity{ID: EntityID{Number: r.Number()}, Kind: KindPublisher, Topic: "a", Encoding: "raw"}); err == nil {
		t.Error("advertised a publisher")
	} else {
		wantText(t, err, "only reads")
	}
	a, err := r.Advertise(Entity{ID: EntityID{Number: r.Number()}, Kind: KindSubscription, Topic: "a", Patterns: []string{"a"}, Encoding: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	clear(a.Counters())
	if err := r.Refresh(); err != nil {
		t.Fatal(err)
	}
	if all := r.Participants(); len(all) != 1 || all[0].ID != w.ID() {
		t.Errorf("sees %+v", all)
	}
	if err := errors.Join(a.Withdraw(), r.Close()); err != nil {
		t.Error(err)
	}
	if err := w.Refresh(); err != nil {
		t.Fatal(err)
	}
	if all := w.Participants(); len(all) != 1 {
		t.Errorf("is seen: %+v", all)
	}
	if after := names(); len(after) != len(before) { // the participant removed what was dead
		t.Errorf("left %v, there was %v", after, before)
	}
	w.Close()
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err = Join(Options{Dir: dir, ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Refresh(), r.Close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dead); err != nil {
		t.Errorf("cleaned up: %v", err)
	}
}
