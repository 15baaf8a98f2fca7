package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/topic"
)

// A ward is a domain with one program in it, this one, that publishes and subscribes.
type ward struct {
	t   *testing.T
	dir string
	p   *topic.Participant
	pub *topic.Publisher[[]byte]
}

func newWard(t *testing.T) *ward {
	t.Helper()
	parent, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	return admit(t, parent, "d")
}

// admit lets this program join a domain.
func admit(t *testing.T, parent, name string) *ward {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: parent, Domain: name, Unit: "ward"})
	if err != nil {
		t.Fatal(err)
	}
	w := &ward{t: t, dir: p.Dir(), p: p}
	t.Cleanup(func() { p.Close() })
	if w.pub, err = topic.NewPublisher[[]byte](t.Context(), p, "t", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := topic.NewSubscriber[[]byte](t.Context(), p, "elsewhere", nil); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := w.pub.Publish(t.Context(), make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// file returns the path of the only file whose name ends so.
func (w *ward) file(end string) string {
	w.t.Helper()
	if end == "" {
		return w.dir
	}
	found, err := filepath.Glob(filepath.Join(w.dir, "*"+end))
	if err != nil || len(found) != 1 {
		w.t.Fatal(end, found, err)
	}
	return found[0]
}

// write changes bytes of a file, as a program that has gone wrong would.
func (w *ward) write(end string, at int64, b ...byte) {
	w.t.Helper()
	f, err := os.OpenFile(w.file(end), os.O_WRONLY, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, at); err != nil {
		w.t.Fatal(err)
	}
}

func examine(t *testing.T, dir string) *Report {
	t.Helper()
	r, err := Examine(t.Context(), dir, &Options{Sample: MinSample})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// others returns the findings that are not about how much room the machine has that runs the tests.
func others(r *Report) []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Fault == NearlyFull })
}

// only wants one finding, and returns it.
func only(t *testing.T, r *Report, fault Fault, severity Severity) Finding {
	t.Helper()
	all := others(r)
	if len(all) != 1 || all[0].Fault != fault || all[0].Severity != severity {
		t.Fatalf("want one %v %q, found %+v", severity, fault, all)
	}
	f := all[0]
	if f.What == "" || f.Why == "" || f.Remedy == "" {
		t.Errorf("not explained: %+v", f)
	}
	return f
}

func TestExamine_DomainInUseHasNoFindings(t *testing.T) {
	w := newWard(t)
	r := examine(t, w.dir)
	if found := others(r); len(found) != 0 {
		t.Errorf("%+v", found)
	}
	if !r.Exists || r.Alive != 1 || r.Dead != 0 || r.FileSystem.Domain < 20_000 || r.Sampled < MinSample {
		t.Errorf("%+v", r)
	}
}

func TestExamine_Damage(t *testing.T) {
	w := newWard(t)
	undo := func(end string, at int64, n int) func() {
		b := make([]byte, n)
		f, err := os.Open(w.file(end))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		return func() { w.write(end, at, b...) }
	}
	// Offsets are those of docs/format.md.
	for name, c := range map[string]struct {
		end   string
		at    int64
		bytes []byte
		fault Fault
	}{
		"participant magic":     {".participant", 0, []byte("x"), Corrupt},
		"participant checksum":  {".participant", 60, []byte("xxxx"), Corrupt},
		"participant version":   {".participant", 8, []byte{9}, OtherVersion},
		"record":                {".participant", 2*4096 + 64, []byte("xxxx"), Corrupt},
		"publisher magic":       {".pub.1", 0, []byte("x"), Corrupt},
		"publisher version":     {".pub.1", 8, []byte{9}, OtherVersion},
		"publisher depth":       {".pub.1", 12, []byte{3}, Corrupt},
		"publisher owner":       {".pub.1", 16, []byte("xxxx"), Corrupt},
		"largest payload":       {".pub.1", 32, []byte("xxxxxxxx"), Corrupt},
		"arena beyond the file": {".pub.1", 280, []byte{0, 0, 0, 0, 1}, Corrupt},
		"ring word":             {".pub.1", 7424 + 2, []byte{0xff}, Corrupt},
		"slot of a ring word":   {".pub.1", 7424, []byte{0xff, 0x20}, Corrupt},
		"reader magic":          {".reader", 0, []byte("x"), Corrupt},
		"reader version":        {".reader", 8, []byte{9}, OtherVersion},
		"wake magic":            {".wake", 0, []byte("x"), Corrupt},
		"wake version":          {".wake", 8, []byte{9}, OtherVersion},
		"registry magic":        {"registry", 0, []byte("x"), Corrupt},
		"registry version":      {"registry", 8, []byte{9}, OtherVersion},
	} {
		t.Run(name, func(t *testing.T) {
			mend := undo(c.end, c.at, len(c.bytes))
			defer mend()
			w.write(c.end, c.at, c.bytes...)
			f := only(t, examine(t, w.dir), c.fault, Problem)
			if len(f.Files) != 1 || !strings.HasSuffix(f.Files[0], c.end) || c.end != "registry" && f.Participant != w.p.ID() {
				t.Errorf("%+v", f)
			}
		})
	}
	if found := others(examine(t, w.dir)); len(found) != 0 {
		t.Errorf("after all was mended: %+v", found)
	}
}

func TestExamine_TruncatedFile(t *testing.T) {
	for _, end := range []string{".participant", ".reader", ".wake", "registry"} {
		t.Run(end, func(t *testing.T) {
			w := newWard(t)
			// A copy in its place, because this program has the file itself mapped.
			path := w.file(end)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b[:min(len(b), 60)], 0o600); err != nil {
				t.Fatal(err)
			}
			r := examine(t, w.dir)
			want := Corrupt
			if end == ".participant" {
				want = Dead // without a lock
			}
			if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Fault == want }) {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

func TestExamine_WrongModes(t *testing.T) {
	for name, c := range map[string]struct {
		end      string
		mode     os.FileMode
		fault    Fault
		severity Severity
		command  string
	}{
		"all may write into the directory":        {"", 0o777, BadDirectory, Problem, ""},
		"all may list the directory":              {"", 0o705, DirectoryMode, Note, "chmod o-rx "},
		"the owner may not write":                 {"", 0o500, DirectoryMode, Problem, "chmod u+rwx "},
		"all may read a publisher's file":         {".pub.1", 0o644, WiderMode, Warning, "chmod 0600 "},
		"a group may write a publisher's file":    {".pub.1", 0o660, WiderMode, Problem, "chmod 0600 "},
		"the owner may not read its reader file":  {".reader", 0o200, NarrowerMode, Warning, "chmod 0600 "},
		"all may write the registry file":         {"registry", 0o666, WiderMode, Problem, "chmod 0600 "},
		"the registry file is for reading":        {"registry", 0o400, NarrowerMode, Warning, "chmod 0600 "},
		"a participant file is executable":        {".participant", 0o700, WiderMode, Warning, "chmod 0600 "},
		"a group may read, for its own directory": {".participant", 0o640, WiderMode, Warning, "chmod 0600 "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWard(t)
			path := w.file(c.end)
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(path, before.Mode())
			r := examine(t, w.dir)
			if os.Geteuid() != 0 { // then the kernel refuses some of these, which is another finding
				r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.Fault == Unreadable })
			}
			if c.fault == BadDirectory && os.Geteuid() == 0 {
				// Its mode lets a group read, too, so that the files ought to.
				r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.Fault == NarrowerMode || f.Fault == DirectoryMode })
			}
			f := only(t, r, c.fault, c.severity)
			if !strings.HasPrefix(f.Command, c.command) || c.command != "" && !strings.HasSuffix(f.Command, path) {
				t.Errorf("the command is %q", f.Command)
			}
		})
	}
}

// Files keep the mode that the directory had when they were made.
func TestExamine_ChangedDirectoryMode(t *testing.T) {
	w := newWard(t)
	if err := os.Chmod(w.dir, 0o770|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	r := examine(t, w.dir)
	n := 0
	for _, f := range others(r) {
		if f.Fault == NarrowerMode && f.Severity == Warning {
			n += f.FileCount
		} else {
			t.Errorf("%+v", f)
		}
	}
	if n != 5 {
		t.Errorf("%d files in %+v", n, r.Findings)
	}
	again := admit(t, filepath.Dir(w.dir), "d")
	w.p.Close()
	os.Chmod(filepath.Join(w.dir, "registry"), 0o660)
	if found := others(examine(t, again.dir)); len(found) != 0 {
		t.Errorf("a group's domain: %+v", found)
	}
}

func TestExamine_WrongOwners(t *testing.T) {
	asRoot(t)
	w := newWard(t)
	path := w.file(".pub.1")
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Fatal(err)
	}
	var severities []Severity
	for _, f := range others(examine(t, w.dir)) {
		if f.Fault != FileOwner || f.FileCount != 1 {
			t.Errorf("%+v", f)
		}
		severities = append(severities, f.Severity)
	}
	if !slices.Equal(severities, []Severity{Problem, Warning}) { // not its participant's, and not the directory's
		t.Error(severities)
	}
	if err := os.Chown(path, os.Geteuid(), -1); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(w.dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if f := only(t, examine(t, w.dir), FileOwner, Warning); f.FileCount != 5 {
		t.Errorf("%+v", f)
	}
	if err := os.Chmod(w.dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(examine(t, w.dir).Findings, func(f Finding) bool { return f.Fault == FileGroup && f.FileCount == 5 }) {
		t.Error("files of another group pass")
	}
}

// asRoot is for faults that only root can seed.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("this test needs root")
	}
	t.Skip("this test needs root: run it with sudo")
}
