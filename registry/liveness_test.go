//go:build linux

package registry

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/process"
)

func TestLiveness_OtherOpensKeepLock(t *testing.T) {
	dir := domain(t)
	a, b := watch(t, dir), watch(t, dir)
	a.expect(a.ID(), Joined)
	b.expect(a.ID(), Joined)
	for range 3 {
		f, err := os.Open(a.Path(participantSuffix)) // the Close below would drop a classic POSIX lock
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if dead, err := isDead(dir, a.ID()); dead || err != nil {
			t.Fatalf("dead: %v, %v", dead, err)
		}
	}
	if !b.isAlive(a.ID()) || !a.isAlive(a.ID()) || b.isAlive(newID()) {
		t.Error("a live participant is not told from an unknown one")
	}
	if removed, err := Clean(dir, false); len(removed) != 0 || err != nil {
		t.Errorf("cleaned %q, %v", removed, err)
	}
}

// A process in another container, or whose pid was reused, cannot be watched. Its lock still decides.
func TestLiveness_UnwatchedDeath(t *testing.T) {
	ended := exec.Command(os.Args[0], "-test.run", "^$")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	for name, alter := range map[string]func(*header){
		"another boot":       func(h *header) { h.self.BootID[0]++ },
		"a process that was": func(h *header) { h.self.PID = ended.Process.Pid },
		"another start time": func(h *header) { h.self.PID, h.self.StartTime = 1, 1 },
		"this process":       nil,
	} {
		t.Run(name, func(t *testing.T) {
			dir := domain(t)
			w := watch(t, dir)
			f := forge(t, dir, alter)
			f.advertise(publisher("a"))
			w.refresh()
			w.expect(f.id, Joined, Added, Updated)
			w.quiet(f.id)
			if !w.isAlive(f.id) {
				t.Error("the holder of the lock is not alive")
			}
			f.die()
			if w.isAlive(f.id) {
				t.Error("without its lock it is still alive")
			}
			w.expect(f.id, Removed, Died)
			w.quiet(f.id)
			if _, err := os.Stat(f.path()); err == nil {
				t.Error("the file is still there")
			}
		})
	}
}

func TestLiveness_EndOfAnotherProcess(t *testing.T) {
	dir := domain(t)
	other := startProcess(t, domain(t)) // lives elsewhere
	pid := other.cmd.Process.Pid
	start, err := process.StartTime(pid)
	if err != nil {
		t.Fatal(err)
	}
	f := forge(t, dir, func(h *header) { h.self.PID, h.self.StartTime = pid, start })
	w := watch(t, dir)
	w.expect(f.id, Joined, Updated)
	other.leave()
	w.quiet(f.id)
	if !w.isAlive(f.id) {
		t.Error("it is not alive although the lock is held")
	}
	f.die()
	w.expect(f.id, Died)
}

func TestLiveness_FileRemoved(t *testing.T) {
	dir := domain(t)
	a, b := watch(t, dir), watch(t, dir)
	advertise(t, a.Registry, publisher("a"))
	a.expect(a.ID(), Joined, Added)
	b.expect(a.ID(), Joined, Added)
	if err := os.Remove(a.Path(participantSuffix)); err != nil {
		t.Fatal(err)
	}
	a.refresh()
	b.refresh()
	for _, w := range []*watcher{a, b} {
		w.expect(a.ID(), Corrupt)
		w.quiet(a.ID())
		if !w.isAlive(a.ID()) {
			t.Error("it is taken for dead")
		}
	}
	advertise(t, a.Registry, publisher("b"))
	b.expect(a.ID(), Added)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b.expect(a.ID(), Removed, Removed, Left)
}

func TestLiveness_KilledWhileLeaving(t *testing.T) {
	dir := domain(t)
	f := forge(t, dir, nil)
	w := watch(t, dir)
	w.expect(f.id, Joined, Updated)
	f.word32(offState).Store(stateLeaving)
	f.die()
	w.refresh()
	w.expect(f.id, Left)
}

// A process is killed again and again while it joins, advertises, withdraws and closes. At whatever point, the next Clean removes
// its files.
func TestClean_AfterKillAtAnyPoint(t *testing.T) {
	dir := domain(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 25 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SHMBUS_TEST_CHURN="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		out.Read(make([]byte, 1)) // the process has begun
		time.Sleep(time.Duration(rand.IntN(int(10 * time.Millisecond))))
		cmd.Process.Kill()
		cmd.Wait()
		if cmd.ProcessState.Exited() {
			t.Fatal("the process gave up by itself")
		}
		if _, err := Clean(dir, false); err != nil {
			t.Fatal(err)
		}
		if list := files(t, dir); len(list) != 0 && !slices.Equal(list, []string{"registry"}) {
			t.Fatalf("after cleaning there are %q", list)
		}
	}
}

// churn is the main function of the processes that join and leave until they are killed.
func churn(dir string) int {
	os.Stdout.WriteString(".")
	for {
		r, err := Join(Options{Dir: dir})
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			return 1
		}
		for i := range 3 {
			e := publisher("a")
			e.ID.Number = r.ReserveID()
			a, err := r.Advertise(e)
			if err != nil {
				os.Stderr.WriteString(err.Error() + "\n")
				return 1
			}
			os.WriteFile(r.Path("reader"), nil, 0o600)
			if i == 1 {
				a.Withdraw()
			}
		}
		r.Close()
	}
}

func TestBell_FileRemovedOrReplaced(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"removed":   os.Remove,
		"cut short": func(path string) error { return os.Truncate(path, 0) },
		"replaced": func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			r, err := Join(Options{Dir: filepath.Dir(path)})
			if err != nil {
				return err
			}
			return r.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := domain(t)
			a, b := watch(t, dir), watch(t, dir)
			for round := range 3 {
				if round == 1 {
					if err := damage(dir + "/registry"); err != nil {
						t.Fatal(err)
					}
				}
				pub := advertise(t, a.Registry, publisher("a"))
				if round == 0 {
					b.expect(a.ID(), Joined)
				}
				b.expect(a.ID(), Added)
				pub.Withdraw()
				b.expect(a.ID(), Removed)
			}
		})
	}
}

func TestBell_InvalidFile(t *testing.T) {
	dir := domain(t)
	watch(t, dir).Close()
	bell := dir + "/registry"
	whole, err := os.ReadFile(bell)
	if err != nil {
		t.Fatal(err)
	}
	other := slices.Clone(whole)
	native.PutUint32(other[offVersion:], layoutVersion+1)
	foreign := slices.Clone(whole)
	foreign[0] ^= 1
	for _, tc := range []struct {
		content []byte
		want    string
	}{{other, fmt.Sprintf("version %d", layoutVersion+1)}, {foreign, "shmbus-r"}, {whole[:100], "100 bytes"}, {nil, "0 bytes"}} {
		if err := os.WriteFile(bell, tc.content, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Join(Options{Dir: dir})
		if err == nil {
			r.Close()
			t.Errorf("joined with a bell of %d bytes", len(tc.content))
			continue
		}
		wantText(t, err, tc.want)
		if list := files(t, dir); len(list) != 1 {
			t.Errorf("there are %q", list)
		}
	}
}
