//go:build linux

package registry

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/internal/shm"
)

// seenAs returns a participant as an observer and as another participant see it.
func seenAs(t *testing.T, dir string, id ID) (observed, met Participant) {
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
	if err := r.refresh(); err != nil {
		t.Fatal(err)
	}
	all, err := o.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.ID == id {
			observed = p
		}
	}
	for _, p := range r.participants() {
		if p.ID == id {
			met = p
		}
	}
	return observed, met
}

func TestParticipant_UserAndPIDFromKernel(t *testing.T) {
	dir := domain(t)
	r := watch(t, dir)
	observed, met := seenAs(t, dir, r.ID())
	for _, p := range []Participant{observed, met} {
		if p.UID != os.Geteuid() || p.GID != os.Getegid() || p.PID != os.Getpid() {
			t.Errorf("%+v", p)
		}
	}
	if observed.PIDCheck != PIDOfFile || met.PIDCheck != PIDOfUser {
		t.Errorf("the pid of this process: %v and %v", observed.PIDCheck, met.PIDCheck)
	}
}

// The mappings of a process are read once for all of its participants, and a file that only claims the process is none of them.
func TestPIDCheck_ParticipantsOfOneProcess(t *testing.T) {
	dir := domain(t)
	want := make(map[ID]PIDCheck)
	for range 3 {
		want[watch(t, dir).ID()] = PIDOfFile
	}
	forged := forge(t, dir, nil)
	replaceFile(t, filePath(dir, forged.id, participantSuffix))
	want[forged.id] = PIDOfUser
	o, err := Observe(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for range 2 { // the second Snapshot opens nothing new
		all, err := o.Snapshot()
		if err != nil || len(all) != len(want) {
			t.Fatalf("%d participants, %v", len(all), err)
		}
		for _, p := range all {
			if p.PID != os.Getpid() || p.PIDCheck != want[p.ID] {
				t.Errorf("%v of process %d: %v, want %v", p.ID, p.PID, p.PIDCheck, want[p.ID])
			}
		}
	}
}

// replaceFile makes a file one that no process has mapped, with the same content. It is locked, as other participants remove a file that is not.
func replaceFile(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path+".new", b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := shm.OpenShared(path + ".new")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := errors.Join(f.Lock(), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

func TestPIDCheck_FalsePID(t *testing.T) {
	needsRoot(t)
	dir := domain(t)
	foreign, foreignStart := sleeperAs(t, 5002, 6002)
	own, ownStart := sleeperAs(t, 0, 0)
	for what, tc := range map[string]struct {
		alter func(*header)
		want  PIDCheck
	}{
		"another user's process":         {func(h *header) { h.self.PID, h.self.StartTime = foreign, foreignStart }, PIDUnverified},
		"another process of the user's":  {func(h *header) { h.self.PID, h.self.StartTime = own, ownStart }, PIDOfUser},
		"a process that has the pid now": {func(h *header) { h.self.StartTime++ }, PIDUnverified},
		"a process of another boot":      {func(h *header) { h.self.BootID[3]++ }, PIDUnverified},
	} {
		f := forge(t, dir, tc.alter)
		observed, met := seenAs(t, dir, f.id)
		if observed.ID != f.id || observed.PIDCheck != tc.want || met.PIDCheck != tc.want || observed.UID != 0 {
			t.Errorf("%s: %v and %v of user %d, want %v", what, observed.PIDCheck, met.PIDCheck, observed.UID, tc.want)
		}
	}
}

func TestSchema_OfAnotherUserRejected(t *testing.T) {
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
	all, err := o.Snapshot()
	if err != nil || len(all) != 1 || len(all[0].Endpoints) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	wantText(t, errors.Join(o.Errors()...), "belongs to user 5002", "another user put it there")
}

func TestMakeDir_Umask(t *testing.T) {
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

// A directory that its owner closed stays closed, with its mode and its group bit.
func TestJoin_DirectoryClosedByItsOwner(t *testing.T) {
	for _, mode := range []fs.FileMode{0, fs.ModeSetgid} {
		dir := domain(t)
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode)); err != nil {
			t.Fatal(err)
		}
		r, err := Join(Options{Dir: dir})
		switch {
		case os.Geteuid() == 0 && err != nil: // root is refused nothing
			t.Error(err)
		case err == nil:
			r.Close()
		case !errors.As(err, new(*AccessError)):
			t.Error(err)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode() != fs.ModeDir|mode {
			t.Errorf("after a Join: mode %v, %v, was %v", info.Mode(), err, mode)
		}
	}
}

// The remains of a process that died while it made a directory are used or removed by the next one.
func TestMakeDir_LeftOver(t *testing.T) {
	for _, mode := range []fs.FileMode{0, 0o300, 0o700} {
		dir := domain(t)
		if err := errors.Join(os.Mkdir(temporaryName(dir), 0o700), os.Chmod(temporaryName(dir), mode)); err != nil {
			t.Fatal(err)
		}
		if err := makeDir(dir); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if !isMissing(temporaryName(dir)) {
			t.Error("the left-over directory is there still")
		}
		if err := makeDir(dir); !errors.Is(err, fs.ErrExist) {
			t.Errorf("again: %v", err)
		}
	}
	dir := domain(t)
	if err := os.WriteFile(temporaryName(dir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Join(Options{Dir: dir})
	if !errors.As(err, new(*NameConflictError)) {
		t.Error(err)
	}
	wantText(t, err, "remove "+temporaryName(dir))
}

func TestMakeDir_LongestName(t *testing.T) {
	dir := filepath.Join(filepath.Dir(domain(t)), strings.Repeat("d", MaxName))
	if err := makeDir(dir); err != nil {
		t.Error(err)
	}
}

func TestMakeDir_ManyAtOnce(t *testing.T) {
	for _, mask := range []int{0, 0o777} {
		dir := domain(t)
		old := syscall.Umask(mask)
		var made atomic.Int32
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				if err := makeDir(dir); err == nil {
					made.Add(1)
				} else if !errors.Is(err, fs.ErrExist) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		syscall.Umask(old)
		if info, err := os.Stat(dir); err != nil || info.Mode() != fs.ModeDir|0o700 || made.Load() != 1 || !isMissing(temporaryName(dir)) {
			t.Errorf("umask %#o: %d made it, mode %v, %v", mask, made.Load(), info.Mode(), err)
		}
	}
}

// The parent of domains is created where only this user can replace it.
func TestJoin_MissingDirectoryOfDomains(t *testing.T) {
	base := filepath.Dir(domain(t))
	sticky, open := base+"/sticky", base+"/open"
	if err := errors.Join(os.Mkdir(sticky, 0o700), os.Chmod(sticky, fs.ModeSticky|0o777), os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		base + "/new/d": "", sticky + "/new/d": "",
		open + "/new/d":      "others may write into " + open,
		base + "/no/where/d": base + "/no neither",
	} {
		missing, why := DomainMissing(dir)
		r, err := Join(Options{Dir: dir})
		if (why == nil) != (want == "") || (err == nil) != (want == "") || !missing {
			t.Errorf("%s: %v, before that %v, %v", dir, err, missing, why)
		}
		for _, err := range []error{why, err} {
			if want != "" {
				wantText(t, err, want, "create "+filepath.Dir(dir), "SHMBUS_DIR")
			}
		}
		if want != "" {
			if !isMissing(filepath.Dir(dir)) {
				t.Errorf("%s was made", filepath.Dir(dir))
			}
			continue
		}
		r.Close()
		for _, made := range []string{dir, filepath.Dir(dir)} {
			if info, err := os.Stat(made); err != nil || info.Mode() != fs.ModeDir|0o700 {
				t.Errorf("%s has mode %v, %v", made, info.Mode(), err)
			}
		}
		if missing, why := DomainMissing(dir); missing || why != nil {
			t.Errorf("%s: missing %t, %v", dir, missing, why)
		}
	}
	if os.Geteuid() == 0 {
		foreign := base + "/foreign"
		if err := errors.Join(os.Mkdir(foreign, 0o755), os.Chown(foreign, 5001, 6001)); err != nil {
			t.Fatal(err)
		}
		_, err := Join(Options{Dir: foreign + "/new/d"})
		wantText(t, err, "belongs to user 5001", "create "+foreign+"/new")
	}
}

// The registry file of a user's domain must not lock out that user when root joined first.
func TestRegistryFile_MadeByRootForOwner(t *testing.T) {
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

func TestRegistry_ReadOnlyLeavesNoTrace(t *testing.T) {
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
	r.Notify()
	if _, err := r.Advertise(Endpoint{ID: EndpointID{Number: r.ReserveID()}, Kind: KindPublisher, Topic: "a", Encoding: "raw"}); err == nil {
		t.Error("advertised a publisher")
	} else {
		wantText(t, err, "only reads")
	}
	a, err := r.Advertise(Endpoint{ID: EndpointID{Number: r.ReserveID()}, Kind: KindSubscription, Topic: "a", Patterns: []string{"a"}, Encoding: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	clear(a.Counters())
	if err := r.refresh(); err != nil {
		t.Fatal(err)
	}
	if all := r.participants(); len(all) != 1 || all[0].ID != w.ID() {
		t.Errorf("sees %+v", all)
	}
	if err := errors.Join(a.Withdraw(), r.Close()); err != nil {
		t.Error(err)
	}
	if err := w.refresh(); err != nil {
		t.Fatal(err)
	}
	if all := w.participants(); len(all) != 1 {
		t.Errorf("is seen: %+v", all)
	}
	if after := names(); len(after) != len(before) { // the participant w has removed the dead file
		t.Errorf("left %v, there was %v", after, before)
	}
	w.Close()
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err = Join(Options{Dir: dir, ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.refresh(), r.Close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dead); err != nil {
		t.Errorf("cleaned up: %v", err)
	}
}
