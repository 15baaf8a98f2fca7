//go:build linux

package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
)

func wantText(t testing.TB, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}

func TestDomainDir(t *testing.T) {
	t.Setenv("SHMBUS_DIR", "")
	t.Setenv("SHMBUS_DOMAIN", "")
	standard := fmt.Sprintf("/dev/shm/shmbus-%d", os.Getuid())
	for _, tc := range []struct{ envDir, envDomain, dir, domain, want string }{
		{"", "", "", "", standard + "/default"},
		{"", "x", "", "", standard + "/x"},
		{"/d", "x", "", "", "/d/x"},
		{"/d", "x", "/e", "y", "/e/y"},
		{"/d/", "", "", "", "/d/default"},
	} {
		t.Setenv("SHMBUS_DIR", tc.envDir)
		t.Setenv("SHMBUS_DOMAIN", tc.envDomain)
		if got, err := DomainDir(tc.dir, tc.domain); got != tc.want || err != nil {
			t.Errorf("%+v: %s, %v", tc, got, err)
		}
	}
	for _, name := range []string{"a/b", ".", "..", ".hidden", "a\x00", strings.Repeat("x", 256), "/abs"} {
		if _, err := DomainDir("/d", name); !errors.As(err, new(*NameError)) {
			t.Errorf("domain %q: %v", name, err)
		}
	}
	_, err := DomainDir("relative", "x")
	wantText(t, err, "relative", "absolute")
}

func TestModes_FollowDirectory(t *testing.T) {
	for _, tc := range []struct {
		dir, owned, wait, bell fs.FileMode
	}{{0, 0o600, 0o600, 0o600}, {0o700, 0o600, 0o600, 0o600}, {0o750, 0o640, 0o600, 0o600}, {0o770, 0o640, 0o640, 0o660}, {0o755, 0o640, 0o600, 0o600}} {
		dir := domain(t)
		want := fs.FileMode(0o700)
		if tc.dir != 0 {
			want = tc.dir
			if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, tc.dir)); err != nil {
				t.Fatal(err)
			}
		}
		r := watch(t, dir)
		advertise(t, r.Registry, publisher("a"))
		for path, want := range map[string]fs.FileMode{
			dir: want, dir + "/registry": tc.bell, r.Path(participantSuffix): tc.owned, r.Path("schema.1"): tc.owned,
		} {
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != want {
				t.Errorf("directory %#o: %s has mode %v, want %v (%v)", tc.dir, filepath.Base(path), info.Mode(), want, err)
			}
		}
		if want := (Modes{tc.owned, tc.wait, tc.bell}); r.Modes() != want {
			t.Errorf("the modes are %v, want %v", r.Modes(), want)
		}
	}
}

func TestDomain_UnsuitableDirectories(t *testing.T) {
	base := filepath.Dir(domain(t))
	open := base + "/open"
	file := base + "/file"
	pipe, link := base+"/pipe", base+"/link"
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777), os.WriteFile(file, nil, 0o600),
		syscall.Mkfifo(pipe, 0o600), os.Symlink(base+"/nothing", link)); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string][]string{
		"relative/dir":             {"relative", "absolute"},
		open:                       {"0777", "chmod o-w"},
		base + "/no/missing/child": {"does not exist", "create", "SHMBUS_DIR"},
		file:                       {"not a directory", "SHMBUS_DOMAIN"},
		file + "/child":            {"not a directory", "SHMBUS_DIR"},
		pipe:                       {"not a directory", "SHMBUS_DOMAIN"},
		link:                       {"symbolic link", "nothing", "remove the link"},
	} {
		for _, readOnly := range []bool{false, true} {
			if dir == link && readOnly {
				continue // a missing domain
			}
			r, err := Join(Options{Dir: dir, ReadOnly: readOnly})
			if err == nil {
				r.Close()
			}
			if readOnly && dir == base+"/no/missing/child" || readOnly && dir == "relative/dir" {
				continue
			}
			if !errors.As(err, new(*DirError)) {
				t.Errorf("%s: %v", dir, err)
			}
			wantText(t, err, want...)
		}
		if dir == base+"/no/missing/child" {
			want = nil // CheckDomain accepts a missing domain
		}
		if err := CheckDomain(dir); errors.As(err, new(*DirError)) != (want != nil) {
			t.Errorf("%s: %v", dir, err)
		} else if want != nil {
			wantText(t, err, want...)
		}
	}
}

// To open a pipe waits for a writer, and no signal ends the wait.
func TestDomain_PipeFailsAtOnce(t *testing.T) {
	base := filepath.Dir(domain(t))
	pipe := base + "/pipe"
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(dir string) error{
		"observe": func(dir string) error {
			o, err := Observe(dir)
			if err != nil {
				return err
			}
			defer o.Close()
			_, err = o.Snapshot()
			return err
		},
		"clean":  func(dir string) error { _, err := Clean(dir, false); return err },
		"remove": RemoveDomain,
		"read":   func(dir string) error { _, err := Join(Options{Dir: dir, ReadOnly: true}); return err },
	} {
		for _, dir := range []string{pipe, pipe + "/child"} {
			done := make(chan error, 1)
			go func() { done <- do(dir) }()
			select {
			case err := <-done:
				if !errors.As(err, new(*DirError)) {
					t.Errorf("%s: %v", name, err)
				}
			case <-time.After(long):
				t.Errorf("%s waits", name)
				if f, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil { // ends the wait
					f.Close()
				}
			}
		}
	}
}

// Every user may write /dev/shm, so another user may have taken a predictable name in it.
func TestDomain_DefaultParentOfAnotherUser(t *testing.T) {
	base := filepath.Dir(domain(t))
	foreign := "/usr" // of root
	if os.Geteuid() == 0 {
		foreign = base + "/foreign"
		if err := errors.Join(os.Mkdir(foreign, 0o700), os.Chown(foreign, 12345, 12345)); err != nil {
			t.Fatal(err)
		}
	}
	writable, link := base+"/writable", base+"/link"
	if err := errors.Join(os.Mkdir(writable, 0o700), os.Chmod(writable, 0o770), os.Symlink(base, link)); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{foreign: "belongs to user", writable: "chmod go-w", link: "not a directory"} {
		err := prepareParent(dir)
		if !errors.As(err, new(*DirError)) {
			t.Errorf("%s: %v", dir, err)
		}
		wantText(t, err, want, "SHMBUS_DIR")
	}
	for range 2 {
		if err := prepareParent(base + "/ours"); err != nil {
			t.Error(err)
		}
	}
}

func TestClean_FilesOfDead(t *testing.T) {
	dir := domain(t)
	living := watch(t, dir)
	advertise(t, living.Registry, publisher("a"))
	before := files(t, dir)
	leave := func() (left []string) {
		f := forge(t, dir, nil)
		f.advertise(publisher("b"))
		left = append(left, filepath.Base(f.path()), f.id.String()+".schema.1")
		orphan := newID()
		for _, name := range []string{f.id.String() + ".reader", f.id.String() + ".pub.1", orphan.String() + ".reader"} {
			if err := os.WriteFile(dir+"/"+name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			left = append(left, name)
		}
		for _, id := range []ID{f.id, orphan} {
			leaveSocket(t, dir+"/"+id.String()+".control.0")
			left = append(left, id.String()+".control.0")
		}
		f.die()
		slices.Sort(left)
		return left
	}
	living.scanning.Lock() // otherwise it could clean first
	left := leave()
	for _, dryRun := range []bool{true, true, false} {
		got, err := Clean(dir, dryRun)
		if slices.Sort(got); err != nil || !slices.Equal(got, left) {
			t.Errorf("dry run %v: %q, %v, want %q", dryRun, got, err, left)
		}
	}
	if got, err := Clean(dir, false); len(got) != 0 || err != nil {
		t.Errorf("again: %q, %v", got, err)
	}
	living.scanning.Unlock()
	if after := files(t, dir); !slices.Equal(before, after) {
		t.Errorf("there were %q, now %q", before, after)
	}
	leave()
	if err := living.refresh(); err != nil {
		t.Fatal(err)
	}
	if after := files(t, dir); !slices.Equal(before, after) {
		t.Errorf("a scan leaves %q", after)
	}
	leave()
	watch(t, dir).Close()
	if after := files(t, dir); !slices.Equal(before, after) {
		t.Errorf("joining leaves %q", after)
	}
	if got, err := Clean(dir+"/missing", false); got != nil || err != nil {
		t.Errorf("no directory: %q, %v", got, err)
	}
}

// leaveSocket makes a socket on which no process listens any more.
func leaveSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

// Only sockets have the name of a control socket, and no other sockets have names of shmbus.
func TestClean_OtherSorts(t *testing.T) {
	dir := domain(t)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	want := []string{"00000000000000aa.control.0", "00000000000000aa.control.x", "00000000000000aa.reader"}
	if err := os.WriteFile(dir+"/"+want[0], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	leaveSocket(t, dir+"/"+want[1])
	leaveSocket(t, dir+"/"+want[2])
	if got, err := Clean(dir, false); len(got) != 0 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(want) {
		t.Errorf("%v, %v, want %q", entries, err, want)
	}
}

func TestClean_ManyAtOnce(t *testing.T) {
	dir := domain(t)
	for range 50 {
		f := forge(t, dir, nil)
		f.advertise(publisher("b"))
		f.die()
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := Clean(dir, false); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if list := files(t, dir); len(list) != 0 {
		t.Errorf("there are %q", list)
	}
}

func TestRemoveDomain_InUse(t *testing.T) {
	dir := domain(t)
	if err := RemoveDomain(dir); err != nil {
		t.Errorf("no domain: %v", err)
	}
	w := watch(t, dir)
	var inUse *InUseError
	if err := RemoveDomain(dir); !errors.As(err, &inUse) || !slices.Equal(inUse.Participants, []ID{w.ID()}) {
		t.Errorf("in use: %v", err)
	}
	w.Close()
	f := forge(t, dir, nil)
	f.die()
	if err := os.WriteFile(dir+"/notes.txt", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantText(t, RemoveDomain(dir), "not of shmbus")
	if list := files(t, dir); !slices.Equal(list, []string{"notes.txt"}) {
		t.Errorf("there are %q", list)
	}
	os.Remove(dir + "/notes.txt")
	if err := os.WriteFile(dir+"/registry", []byte("a diary"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantText(t, RemoveDomain(dir), "7 bytes")
	os.Remove(dir + "/registry")
	if err := RemoveDomain(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestRemoveDomain_DuringJoin(t *testing.T) {
	dir := domain(t)
	done := make(chan struct{})
	var remover sync.WaitGroup
	remover.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond): // without a pause no process could ever join
				RemoveDomain(dir)
			}
		}
	})
	for range 100 {
		r, err := Join(Options{Dir: dir})
		if err != nil {
			t.Error(err)
			break
		}
		advertise(t, r, publisher("a"))
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	close(done)
	remover.Wait()
}

func TestObserver_ChangesNothing(t *testing.T) {
	dir := domain(t)
	o, err := Observe(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if all, err := o.Snapshot(); len(all) != 0 || err != nil {
		t.Errorf("no domain: %v, %v", all, err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("observing created the domain")
	}
	if _, err := Observe("relative"); err == nil {
		t.Error("a relative path is observed")
	}
	first := watch(t, dir)
	advertise(t, first.Registry, publisher("a"))
	second := watch(t, dir)
	dead := forge(t, dir, nil)
	damaged := forge(t, dir, nil)
	bad := damaged.advertise(publisher("bad"))
	damaged.page(bad)[offBody] ^= 1
	newer := forge(t, dir, nil)
	native.PutUint32(newer.b[offVersion:], layoutVersion+1)
	for _, w := range []*watcher{first, second} {
		w.scanning.Lock() // otherwise they would remove the files of the dead
		defer w.scanning.Unlock()
	}
	dead.die()
	for range 2 {
		all, err := o.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		alive := make(map[ID]bool)
		for _, p := range all {
			alive[p.ID] = p.Alive
			if want := p.ID == first.ID(); len(p.Endpoints) != 0 != want {
				t.Errorf("%v has %d endpoints", p.ID, len(p.Endpoints))
			}
		}
		if len(all) != 4 || !alive[first.ID()] || !alive[second.ID()] || !alive[damaged.id] || alive[dead.id] {
			t.Errorf("there are %+v", all)
		}
		problems := errors.Join(o.Errors()...)
		if len(o.Errors()) != 2 || !errors.As(problems, new(*errdefs.VersionError)) || !errors.As(problems, new(*errdefs.CorruptError)) {
			t.Errorf("the problems are %v", problems)
		}
	}
	if _, err := os.Stat(dead.path()); err != nil {
		t.Error("observing removed the dead")
	}
	o.Close()
	if _, err := o.Snapshot(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A directory with the name of a participant's file does not count as a live participant.
func TestRemoveDomain_DirectoryUnderFileName(t *testing.T) {
	dir := domain(t)
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Mkdir(dir+"/00000000000000aa.pub.1", 0o700)); err != nil {
		t.Fatal(err)
	}
	err := RemoveDomain(dir)
	if err == nil || errors.As(err, new(*InUseError)) {
		t.Error(err)
	}
	wantText(t, err, "not of shmbus")
}

// Another process may make the directory at any moment of the check.
func TestCheckDomain_DirectoryIsMadeMeanwhile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20_000 {
			os.Mkdir(dir, 0o700)
			os.Remove(dir)
		}
	}()
	for {
		if err := CheckDomain(dir); err != nil {
			t.Error(err)
			<-done
			return
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
