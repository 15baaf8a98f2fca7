//go:build linux

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/doctor"
	"github.com/shmbus/shmbus/registry"
)

func TestDoctorFindsNothingInAHealthyBusyDomain(t *testing.T) {
	dir := newDomain(t)
	start(t, dir, "doctor-fixture", "-pub", "steady", "-every", "1ms", "-depth", "4096").ready()
	start(t, dir, "doctor-fixture", "-sub", "steady").ready()
	start(t, dir, "doctor-fixture", "-sub", "steady", "-lossless").ready()
	// It has a hundred to choose from each time, and holds none of them for long.
	start(t, dir, "doctor-fixture", "-pub", "fast", "-every", "500us").ready()
	start(t, dir, "doctor-fixture", "-sub", "fast", "-take", "newest", "-pause", "50ms").ready()
	var throng []*child
	for range 5 {
		throng = append(throng, start(t, dir, "member-churn", "-members", "10").ready())
	}
	for range 3 {
		checkFaults(t, examine(t, dir, longSample))
	}
	for _, c := range throng {
		c.finish()
	}
}

func TestDoctorFindsTheDeadAndWhatTheyLeft(t *testing.T) {
	dir := newDomain(t)
	pub := start(t, dir, "doctor-fixture", "-pub", "t", "-every", "1ms").ready()
	sub := start(t, dir, "doctor-fixture", "-sub", "t", "-hold", "3", "-take", "none").ready() // or it may hold one more when it dies
	// Both at once, so that neither can clean up after the other.
	stopProcess(pub)
	sub.kill()
	pub.kill()
	r := examine(t, dir, shortSample)
	if r.Dead != 2 || r.Alive != 0 || len(r.Findings) != 2 {
		t.Fatalf("%+v", r)
	}
	var whole strings.Builder
	files := 0
	for _, f := range r.Findings {
		whole.WriteString(f.What + "\n")
		files += f.FileCount
		if f.Fault != doctor.Dead || f.Severity != doctor.Warning || f.Unit != "patient" ||
			!strings.HasPrefix(f.Command, "shmmon clean --dir "+dir+" --domain d") {
			t.Errorf("%+v", f)
		}
	}
	if files != 5 { // two participant files, a reader file, a publisher's file and a wake file
		t.Errorf("they left %d files", files)
	}
	for _, part := range []string{"32 slots", "marks on 3 samples of others"} {
		if !strings.Contains(whole.String(), part) {
			t.Errorf("%q is not in %s", part, whole.String())
		}
	}
	if _, err := registry.Clean(filepath.Join(dir, "d"), false); err != nil {
		t.Fatal(err)
	}
	checkFaults(t, examine(t, dir, shortSample))
}

func TestDoctorFindsMarksOfTheDeadThatAStoppedPublisherKeeps(t *testing.T) {
	dir := newDomain(t)
	pub := start(t, dir, "doctor-fixture", "-pub", "t", "-every", "1ms").ready()
	sub := start(t, dir, "doctor-fixture", "-sub", "t", "-hold", "3", "-take", "none").ready()
	stopProcess(pub)
	sub.kill()
	found := checkFaults(t, examine(t, dir, shortSample), doctor.Stopped, doctor.Dead, doctor.DeadReader)
	if f := found[doctor.DeadReader]; f.Topic != "t" || f.PID != pub.cmd.Process.Pid || !strings.Contains(f.What, "3 slots") ||
		!strings.HasPrefix(f.Command, "kill -CONT") {
		t.Errorf("%+v", f)
	}
	pub.signal(syscall.SIGCONT)
	waitNoFindings(t, dir)
}

func TestDoctorTellsTheStoppedFromTheDead(t *testing.T) {
	dir := newDomain(t)
	pub := start(t, dir, "doctor-fixture", "-pub", "t", "-every", "1ms", "-depth", "4096").ready()
	sub := start(t, dir, "doctor-fixture", "-sub", "t").ready()
	for _, c := range []*child{pub, sub} {
		stopProcess(c)
	}
	r := examine(t, dir, shortSample)
	if r.Alive != 2 || r.Stopped != 2 || r.Dead != 0 || len(r.Findings) != 2 {
		t.Fatalf("%+v", r)
	}
	for _, f := range r.Findings {
		if f.Fault != doctor.Stopped || f.Severity != doctor.Warning || f.PID == 0 || !strings.HasPrefix(f.Command, "kill -CONT") {
			t.Errorf("%+v", f)
		}
	}
	// Neither whoever cleans nor whoever joins takes them for dead.
	if names, err := registry.Clean(filepath.Join(dir, "d"), false); err != nil || len(names) > 0 {
		t.Errorf("removed %q, %v", names, err)
	}
	start(t, dir, "doctor-fixture", "-sub", "t").ready().finish()
	for _, c := range []*child{pub, sub} {
		c.signal(syscall.SIGCONT)
	}
	waitNoFindings(t, dir)
	sub.finish()
	pub.finish()
}

func TestDoctorFindsSlowSubscriptions(t *testing.T) {
	cases := map[string]struct {
		want  doctor.Fault
		roles [][]string
	}{
		"loses": {doctor.Losing, [][]string{
			{"-pub", "t", "-every", "1ms"}, {"-sub", "t", "-pause", "40ms"}}},
		"takes nothing": {doctor.NotTaking, [][]string{
			{"-pub", "t", "-every", "1ms"}, {"-sub", "t", "-take", "none"}}},
		"is near the end of the ring": {doctor.Lagging, [][]string{
			{"-pub", "t", "-every", "5ms", "-depth", "64", "-behind", "61", "-sub", "t", "-take", "turns"}}},
		"holds a publisher up": {doctor.HoldingUp, [][]string{
			{"-pub", "t", "-every", "1ms"}, {"-sub", "t", "-lossless", "-take", "none"}}},
		"holds samples": {doctor.Held, [][]string{
			{"-pub", "t", "-every", "1ms", "-depth", "16"}, {"-sub", "t", "-hold", "12", "-take", "newest", "-pause", "1ms"}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := newDomain(t)
			for _, args := range c.roles {
				start(t, dir, "doctor-fixture", args...).ready()
			}
			settle(t, dir, 80, 1)
			f := checkFaults(t, examine(t, dir, longSample), c.want)[c.want]
			if f.Severity != doctor.Warning || f.Topic != "t" || f.Unit != "patient" || f.PID == 0 || f.Endpoint == 0 {
				t.Errorf("%+v", f)
			}
		})
	}
}

// settle waits until a publisher of the domain has published n samples since it was seen to have that many subscriptions, or waits
// for one of these and publishes nothing, or fails.
func settle(t *testing.T, dir string, n, subscriptions uint64) {
	t.Helper()
	first, last := map[registry.EndpointID]uint64{}, map[registry.EndpointID]uint64{}
	o, err := registry.Observe(filepath.Join(dir, "d"))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for deadline := time.Now().Add(waitLimit); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := o.Snapshot(); err != nil {
			t.Fatal(err)
		}
		for id, s := range o.Stats().Publishers {
			if s.Subscribers < subscriptions {
				continue
			}
			from, seen := first[id]
			if !seen {
				from, first[id] = s.Messages, s.Messages
			}
			waits := seen && s.Waited > 0 && s.Messages == last[id]
			if last[id] = s.Messages; s.Messages >= from+n || waits || s.Failed > 0 {
				return
			}
		}
	}
	t.Fatal("nothing comes")
}

func TestDoctorFindsSlotsThatNobodyUses(t *testing.T) {
	cases := map[string]struct {
		want     doctor.Fault
		severity doctor.Severity
		args     []string
	}{
		"loans that do not end":             {doctor.Loans, doctor.Warning, []string{"-loans", "9", "-every", "1ms"}},
		"slots of a size of long ago":       {doctor.IdleMemory, doctor.Note, []string{"-first", "20000000", "-every", "1ms"}},
		"publishes that fail":               {doctor.Failing, doctor.Warning, []string{"-limit", "4096", "-size", "100000", "-every", "1ms"}},
		"no place for another subscription": {doctor.NoPlace, doctor.Warning, []string{"-many", "129"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := newDomain(t)
			start(t, dir, "doctor-fixture", append(c.args, "-pub", "t")...).ready()
			if slices.Contains(c.args, "-every") {
				settle(t, dir, 40, 0)
			}
			f := checkFaults(t, examine(t, dir, longSample), c.want)[c.want]
			if f.Severity != c.severity || f.Topic != "t" || f.Endpoint == 0 {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestDoctorExplainsProcessesItCannotSee(t *testing.T) {
	if os.Geteuid() != 0 {
		needRoot(t, errors.New("a pid namespace"))
	}
	dir := newDomain(t)
	c := begin(t, dir, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWPID}, "doctor-fixture", "-pub", "t", "-every", "10ms").ready()
	r := examine(t, dir, shortSample)
	f := checkFaults(t, r, doctor.Unseen)[doctor.Unseen]
	if r.Alive != 1 || r.Dead != 0 || f.Severity != doctor.Note || f.PID != 1 {
		t.Errorf("%+v", r)
	}
	if names, err := registry.Clean(filepath.Join(dir, "d"), false); err != nil || len(names) > 0 {
		t.Errorf("removed %q, %v", names, err)
	}
	c.finish()
}

func TestDoctorTellsALockThatOutlivesItsProcess(t *testing.T) {
	dir := newDomain(t)
	c := start(t, dir, "doctor-fixture", "-linger")
	var lingering int
	c.expect(&lingering)
	t.Cleanup(func() { syscall.Kill(lingering, syscall.SIGKILL) })
	c.ready()
	c.cmd.Process.Kill() // and not reaped yet: it can be seen
	for deadline := time.Now().Add(waitLimit); len(examine(t, dir, shortSample).Findings) == 0 && time.Now().Before(deadline); {
	}
	if f := checkFaults(t, examine(t, dir, shortSample), doctor.Ended)[doctor.Ended]; f.Severity != doctor.Warning || f.PID != c.cmd.Process.Pid {
		t.Errorf("%+v", f)
	}
	c.kill()
	checkFaults(t, examine(t, dir, shortSample), doctor.Unseen)
	syscall.Kill(lingering, syscall.SIGKILL)
	for deadline := time.Now().Add(waitLimit); examine(t, dir, shortSample).Dead == 0 && time.Now().Before(deadline); {
	}
	checkFaults(t, examine(t, dir, shortSample), doctor.Dead)
}

// A program that is removed by hand from the directory is not taken for a dead one.
func TestDoctorFindsFilesThatWereRemovedByHand(t *testing.T) {
	for pattern, want := range map[string][]doctor.Fault{
		"*.pub.*":       {doctor.MissingFile},
		"*.reader":      {doctor.MissingFile},
		"*.participant": {doctor.Nameless},
	} {
		t.Run(pattern, func(t *testing.T) {
			dir := newDomain(t)
			c := start(t, dir, "doctor-fixture", "-pub", "t", "-sub", "t", "-every", "10ms", "-depth", "4096").ready()
			// Stopped meanwhile, or it would have to be quick: programs clean up after those that nobody can see.
			if pattern == "*.participant" {
				stopProcess(c)
			}
			files, err := filepath.Glob(filepath.Join(dir, "d", pattern))
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			if err := os.Remove(files[0]); err != nil {
				t.Fatal(err)
			}
			f := checkFaults(t, examine(t, dir, shortSample), want...)[want[0]]
			if f.Severity != doctor.Problem || f.Participant == 0 || f.FileCount == 0 {
				t.Errorf("%+v", f)
			}
			c.kill()
		})
	}
}

// A program that runs makes a new registry file at once, so this one may not.
func TestDoctorFindsThatTheRegistryFileIsGone(t *testing.T) {
	dir := newDomain(t)
	c := start(t, dir, "doctor-fixture", "-pub", "t").ready()
	stopProcess(c)
	if err := os.Remove(filepath.Join(dir, "d", registry.RegistryFile)); err != nil {
		t.Fatal(err)
	}
	f := checkFaults(t, examine(t, dir, shortSample), doctor.Stopped, doctor.NoBell)[doctor.NoBell]
	if f.Severity != doctor.Warning || !slices.Equal(f.Files, []string{registry.RegistryFile}) {
		t.Errorf("%+v", f)
	}
	c.signal(syscall.SIGCONT)
	waitNoFindings(t, dir)
	c.finish()
}

// A publisher that is stopped has not heard that a subscription left.
func TestDoctorFindsSubscriptionsThatAreGoneAndStillWatched(t *testing.T) {
	dir := newDomain(t)
	pub := start(t, dir, "doctor-fixture", "-pub", "t", "-every", "1ms").ready()
	sub := start(t, dir, "doctor-fixture", "-sub", "t").ready()
	settle(t, dir, 10, 1)
	stopProcess(pub)
	sub.finish()
	// It says so only after longer than a publisher that runs may take.
	f := checkFaults(t, examine(t, dir, 1100*time.Millisecond), doctor.Stopped, doctor.GoneReader)[doctor.GoneReader]
	if f.Severity != doctor.Note || f.Topic != "t" || f.PID != pub.cmd.Process.Pid || !strings.Contains(f.What, "1 subscription") {
		t.Errorf("%+v", f)
	}
	pub.signal(syscall.SIGCONT)
	waitNoFindings(t, dir)
	pub.finish()
}

// Root reads everything, so it is a member of the group who examines.
func TestDoctorNamesWhatItMayNotRead(t *testing.T) {
	w := newUserDomain(t, 0o770|fs.ModeSetgid)
	w.build("shmmon")
	c := w.run(owner(), "doctor-fixture", "-pub", "t", "-sub", "other").ready()
	for _, sort := range []string{".pub.*", ".reader", ".participant"} {
		t.Run(sort, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(w.domain(), "*"+sort))
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			if err := os.Chmod(files[0], 0o600); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(files[0], 0o640)
			stdout, stderr, code := w.tool(member(), "shmmon doctor --sample 200ms --json")
			var r struct {
				Findings []struct{ Fault, Severity, What string }
			}
			if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != 3 {
				t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
			}
			found := false
			for _, f := range r.Findings {
				if f.Fault == string(doctor.Unreadable) {
					found = true
					wantParts(t, f.What, filepath.Base(files[0]), "cannot be read", "permission denied")
					if f.Severity != "warning" {
						t.Errorf("%+v", f)
					}
				} else if f.Fault != string(doctor.NarrowerMode) && f.Fault != string(doctor.NearlyFull) {
					t.Errorf("%+v", f)
				}
			}
			if !found {
				t.Errorf("not found: %s", stdout)
			}
		})
	}
	c.finish()
}

func TestDoctorEndsWithItsContext(t *testing.T) {
	dir := newDomain(t)
	stopProcess(start(t, dir, "doctor-fixture", "-pub", "t").ready())
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if r, err := doctor.Examine(ctx, filepath.Join(dir, "d"), &doctor.Options{Sample: time.Hour}); err == nil {
		t.Errorf("%+v", r)
	}
}
