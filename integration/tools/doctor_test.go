//go:build linux

package tools

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
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/registry"
)

func TestDoctor_HealthyBusyDomain(t *testing.T) {
	dir := harness.NewDomain(t)
	harness.Start(t, dir, fixture{Pub: "steady", Interval: time.Millisecond, Depth: 4096}).Ready()
	harness.Start(t, dir, fixture{Sub: "steady"}).Ready()
	harness.Start(t, dir, fixture{Sub: "steady", Lossless: true}).Ready()
	// It has a hundred to choose from each time, and holds none of them for long.
	harness.Start(t, dir, fixture{Pub: "fast", Interval: 500 * time.Microsecond}).Ready()
	harness.Start(t, dir, fixture{Sub: "fast", Take: takeNewest, Pause: 50 * time.Millisecond}).Ready()
	var throng []*harness.Child
	for range 5 {
		throng = append(throng, harness.Start(t, dir, harness.MemberChurn{Members: 10}).Ready())
	}
	for range 3 {
		checkFaults(t, harness.Examine(t, dir, longSample))
	}
	for _, c := range throng {
		c.Finish()
	}
}

func TestDoctor_Dead(t *testing.T) {
	dir := harness.NewDomain(t)
	pub := harness.Start(t, dir, fixture{Pub: "t", Interval: time.Millisecond}).Ready()
	sub := harness.Start(t, dir, fixture{Sub: "t", Hold: 3, Take: takeNone}).Ready() // or it may hold one more when it dies
	// Both at once, so that neither can clean up after the other.
	pub.Suspend()
	sub.Kill()
	pub.Kill()
	r := harness.Examine(t, dir, harness.ShortSample)
	if r.Dead != 2 || r.Alive != 0 || len(r.Findings) != 2 {
		t.Fatalf("%+v", r)
	}
	var whole strings.Builder
	files := 0
	for _, f := range r.Findings {
		whole.WriteString(f.What + "\n")
		files += f.FileCount
		if f.Fault != doctor.Dead || f.Severity != doctor.Warning || f.Unit != "examined" ||
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
	checkFaults(t, harness.Examine(t, dir, harness.ShortSample))
}

func TestDoctor_MarksOfTheDeadAtStoppedPublisher(t *testing.T) {
	dir := harness.NewDomain(t)
	pub := harness.Start(t, dir, fixture{Pub: "t", Interval: time.Millisecond}).Ready()
	sub := harness.Start(t, dir, fixture{Sub: "t", Hold: 3, Take: takeNone}).Ready()
	pub.Suspend()
	sub.Kill()
	found := checkFaults(t, harness.Examine(t, dir, harness.ShortSample), doctor.Stopped, doctor.Dead, doctor.DeadReader)
	if f := found[doctor.DeadReader]; f.Topic != "t" || f.PID != pub.PID() || !strings.Contains(f.What, "3 slots") ||
		!strings.HasPrefix(f.Command, "kill -CONT") {
		t.Errorf("%+v", f)
	}
	pub.Resume()
	waitNoFindings(t, dir)
}

func TestDoctor_StoppedAreNotDead(t *testing.T) {
	dir := harness.NewDomain(t)
	pub := harness.Start(t, dir, fixture{Pub: "t", Interval: time.Millisecond, Depth: 4096}).Ready()
	sub := harness.Start(t, dir, fixture{Sub: "t"}).Ready()
	for _, c := range []*harness.Child{pub, sub} {
		c.Suspend()
	}
	r := harness.Examine(t, dir, harness.ShortSample)
	if r.Alive != 2 || r.Stopped != 2 || r.Dead != 0 || len(r.Findings) != 2 {
		t.Fatalf("%+v", r)
	}
	for _, f := range r.Findings {
		if f.Fault != doctor.Stopped || f.Severity != doctor.Warning || f.PID == 0 || !strings.HasPrefix(f.Command, "kill -CONT") {
			t.Errorf("%+v", f)
		}
	}
	// Neither a cleanup nor a joining participant takes them for dead.
	if names, err := registry.Clean(filepath.Join(dir, "d"), false); err != nil || len(names) > 0 {
		t.Errorf("removed %q, %v", names, err)
	}
	harness.Start(t, dir, fixture{Sub: "t"}).Ready().Finish()
	for _, c := range []*harness.Child{pub, sub} {
		c.Resume()
	}
	waitNoFindings(t, dir)
	sub.Finish()
	pub.Finish()
}

func TestDoctor_SlowSubscriptions(t *testing.T) {
	cases := map[string]struct {
		want  doctor.Fault
		roles []fixture
	}{
		"loses": {doctor.Losing, []fixture{
			{Pub: "t", Interval: time.Millisecond}, {Sub: "t", Pause: 40 * time.Millisecond}}},
		"takes nothing": {doctor.NotTaking, []fixture{
			{Pub: "t", Interval: time.Millisecond}, {Sub: "t", Take: takeNone}}},
		"takes nothing after it has filtered": {doctor.NotTaking, []fixture{
			{Pub: "t", Interval: time.Millisecond}, {Sub: "t", Separation: 10 * time.Millisecond, Hold: 5, Take: takeNone}}},
		"is near the end of the ring": {doctor.Lagging, []fixture{
			{Pub: "t", Interval: 5 * time.Millisecond, Depth: 64, Behind: 61, Sub: "t", Take: takeByTurns}}},
		"holds a publisher up": {doctor.HoldingUp, []fixture{
			{Pub: "t", Interval: time.Millisecond}, {Sub: "t", Lossless: true, Take: takeNone}}},
		"holds samples": {doctor.Held, []fixture{
			{Pub: "t", Interval: time.Millisecond, Depth: 16}, {Sub: "t", Hold: 12, Take: takeNewest, Pause: time.Millisecond}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := harness.NewDomain(t)
			for _, r := range c.roles {
				harness.Start(t, dir, r).Ready()
			}
			settle(t, dir, 80, 1)
			f := checkFaults(t, harness.Examine(t, dir, longSample), c.want)[c.want]
			if f.Severity != doctor.Warning || f.Topic != "t" || f.Unit != "examined" || f.PID == 0 || f.Endpoint == 0 {
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
	for deadline := time.Now().Add(harness.WaitLimit); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
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

func TestDoctor_UnusedSlots(t *testing.T) {
	cases := map[string]struct {
		want     doctor.Fault
		severity doctor.Severity
		fixture  fixture
	}{
		"loans that do not end":             {doctor.Loans, doctor.Warning, fixture{Loans: 9, Interval: time.Millisecond}},
		"slots of a size of long ago":       {doctor.IdleMemory, doctor.Note, fixture{First: 20000000, Interval: time.Millisecond}},
		"publishes that fail":               {doctor.Failing, doctor.Warning, fixture{Limit: 4096, Size: 100000, Interval: time.Millisecond}},
		"no place for another subscription": {doctor.NoPlace, doctor.Warning, fixture{Many: 129}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := harness.NewDomain(t)
			c.fixture.Pub = "t"
			harness.Start(t, dir, c.fixture).Ready()
			if c.fixture.Interval > 0 {
				settle(t, dir, 40, 0)
			}
			f := checkFaults(t, harness.Examine(t, dir, longSample), c.want)[c.want]
			if f.Severity != c.severity || f.Topic != "t" || f.Endpoint == 0 {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestDoctor_UnseenProcess(t *testing.T) {
	if os.Geteuid() != 0 {
		harness.NeedRoot(t, errors.New("a pid namespace"))
	}
	dir := harness.NewDomain(t)
	c := harness.StartWith(t, dir, fixture{Pub: "t", Interval: 10 * time.Millisecond}, harness.Options{Attr: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}}).Ready()
	r := harness.Examine(t, dir, harness.ShortSample)
	f := checkFaults(t, r, doctor.Unseen)[doctor.Unseen]
	if r.Alive != 1 || r.Dead != 0 || f.Severity != doctor.Note || f.PID != 1 {
		t.Errorf("%+v", r)
	}
	if names, err := registry.Clean(filepath.Join(dir, "d"), false); err != nil || len(names) > 0 {
		t.Errorf("removed %q, %v", names, err)
	}
	c.Finish()
}

func TestDoctor_LockThatOutlivesItsProcess(t *testing.T) {
	dir := harness.NewDomain(t)
	c := harness.Start(t, dir, fixture{Linger: true})
	var programs lingering
	c.Expect(&programs)
	t.Cleanup(func() { syscall.Kill(programs.Lock, syscall.SIGKILL); syscall.Kill(programs.Output, syscall.SIGKILL) })
	c.Ready()
	c.KillOnly() // and not reaped yet: it can be seen
	for deadline := time.Now().Add(harness.WaitLimit); len(harness.Examine(t, dir, harness.ShortSample).Findings) == 0 && time.Now().Before(deadline); {
	}
	if f := checkFaults(t, harness.Examine(t, dir, harness.ShortSample), doctor.Ended)[doctor.Ended]; f.Severity != doctor.Warning || f.PID != c.PID() {
		t.Errorf("%+v", f)
	}
	syscall.Kill(programs.Output, syscall.SIGKILL)
	c.Wait()
	checkFaults(t, harness.Examine(t, dir, harness.ShortSample), doctor.Unseen)
	syscall.Kill(programs.Lock, syscall.SIGKILL)
	for deadline := time.Now().Add(harness.WaitLimit); harness.Examine(t, dir, harness.ShortSample).Dead == 0 && time.Now().Before(deadline); {
	}
	checkFaults(t, harness.Examine(t, dir, harness.ShortSample), doctor.Dead)
}

// A program that is removed by hand from the directory is not taken for a dead one.
func TestDoctor_FilesRemovedByHand(t *testing.T) {
	for pattern, want := range map[string][]doctor.Fault{
		"*.pub.*":       {doctor.MissingFile},
		"*.reader":      {doctor.MissingFile},
		"*.participant": {doctor.Nameless},
	} {
		t.Run(pattern, func(t *testing.T) {
			dir := harness.NewDomain(t)
			c := harness.Start(t, dir, fixture{Pub: "t", Sub: "t", Interval: 10 * time.Millisecond, Depth: 4096}).Ready()
			// The process is stopped meanwhile, because a program cleans up after a participant without a participant file.
			if pattern == "*.participant" {
				c.Suspend()
			}
			files, err := filepath.Glob(filepath.Join(dir, "d", pattern))
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			if err := os.Remove(files[0]); err != nil {
				t.Fatal(err)
			}
			f := checkFaults(t, harness.Examine(t, dir, harness.ShortSample), want...)[want[0]]
			if f.Severity != doctor.Problem || f.Participant == 0 || f.FileCount == 0 {
				t.Errorf("%+v", f)
			}
			c.Kill()
		})
	}
}

// A program that runs makes a new registry file at once, so this one may not.
func TestDoctor_RegistryFileIsGone(t *testing.T) {
	dir := harness.NewDomain(t)
	c := harness.Start(t, dir, fixture{Pub: "t"}).Ready()
	c.Suspend()
	if err := os.Remove(filepath.Join(dir, "d", registry.RegistryFile)); err != nil {
		t.Fatal(err)
	}
	f := checkFaults(t, harness.Examine(t, dir, harness.ShortSample), doctor.Stopped, doctor.NoBell)[doctor.NoBell]
	if f.Severity != doctor.Warning || !slices.Equal(f.Files, []string{registry.RegistryFile}) {
		t.Errorf("%+v", f)
	}
	c.Resume()
	waitNoFindings(t, dir)
	c.Finish()
}

// A publisher that is stopped has not heard that a subscription left.
func TestDoctor_GoneSubscriptionsStillAdmitted(t *testing.T) {
	dir := harness.NewDomain(t)
	pub := harness.Start(t, dir, fixture{Pub: "t", Interval: time.Millisecond}).Ready()
	sub := harness.Start(t, dir, fixture{Sub: "t"}).Ready()
	settle(t, dir, 10, 1)
	pub.Suspend()
	sub.Finish()
	// It says so only after longer than a publisher that runs may take.
	f := checkFaults(t, harness.Examine(t, dir, 1100*time.Millisecond), doctor.Stopped, doctor.GoneReader)[doctor.GoneReader]
	if f.Severity != doctor.Note || f.Topic != "t" || f.PID != pub.PID() || !strings.Contains(f.What, "1 subscription") {
		t.Errorf("%+v", f)
	}
	pub.Resume()
	waitNoFindings(t, dir)
	pub.Finish()
}

// Root reads everything, so a member of the group examines.
func TestDoctor_UnreadableFiles(t *testing.T) {
	w := harness.NewUserDomain(t, 0o770|fs.ModeSetgid)
	w.Build("shmmon")
	c := w.Start(harness.Owner(), fixture{Pub: "t", Sub: "other"}).Ready()
	for _, sort := range []string{".pub.*", ".reader", ".participant"} {
		t.Run(sort, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(w.Path(), "*"+sort))
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			if err := os.Chmod(files[0], 0o600); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(files[0], 0o640)
			stdout, stderr, code := w.Run(harness.Member(), "shmmon doctor --sample 200ms --json")
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
					harness.WantParts(t, f.What, filepath.Base(files[0]), "cannot be read", "permission denied")
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
	c.Finish()
}

func TestDoctor_EndsWithItsContext(t *testing.T) {
	dir := harness.NewDomain(t)
	harness.Start(t, dir, fixture{Pub: "t"}).Ready().Suspend()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if r, err := doctor.Examine(ctx, filepath.Join(dir, "d"), &doctor.Options{Sample: time.Hour}); err == nil {
		t.Errorf("%+v", r)
	}
}
