package proc

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func vehicle() Root { return At(os.DirFS("testdata/vehicle")) }

func check[T any](t *testing.T, read func() (T, error), want T) {
	t.Helper()
	got, err := read()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-want +got)\n%s", d)
	}
}

func TestEveryFileOfAMachineIsRead(t *testing.T) {
	r := vehicle()
	t.Run("load", func(t *testing.T) { check(t, r.Load, Load{0.52, 1.25, 12}) })
	t.Run("uptime", func(t *testing.T) { check(t, r.Uptime, Uptime{Up: 350735.47, Idle: 234388.90}) })
	t.Run("stat", func(t *testing.T) {
		check(t, r.Stat, Stat{
			Total: Times{10132153, 290696, 3084719, 46828483, 16683, 0, 25195, 1200},
			CPUs: []CPU{ // 1 and 2 are offline
				{0, Times{1393280, 32966, 572056, 13343292, 6130, 0, 17875, 800}},
				{3, Times{1335225, 30200, 511110, 13343292, 6130, 0, 7320, 400}},
			},
			Interrupts: 8885917, ContextSwitches: 64538290, Forks: 86031, BootTime: 1700000000, Running: 6, Blocked: 2,
		})
	})
	t.Run("memory", func(t *testing.T) {
		check(t, r.Memory, Memory{
			Total: 8048704 << 10, Free: 1203000 << 10, Available: 5140200 << 10, Buffers: 210004 << 10, Cached: 3518100 << 10,
			Shared: 401220 << 10, Dirty: 340 << 10, SwapTotal: 2097148 << 10, SwapFree: 2090000 << 10,
		})
	})
	t.Run("disks", func(t *testing.T) {
		check(t, r.Disks, []Disk{ // loop0 was never used; the second has the fields of an old kernel
			{Name: "nvme0n1", Reads: 56635, Writes: 4142, ReadSectors: 1889170, WriteSectors: 1804824, Busy: 5988},
			{Name: "cciss/c0d0", Reads: 9, Writes: 1, ReadSectors: 72, WriteSectors: 8, Busy: 5},
		})
	})
	t.Run("interfaces", func(t *testing.T) {
		check(t, r.Interfaces, []Interface{
			{"lo", Traffic{3193, 29, 0, 0}, Traffic{3193, 29, 0, 0}},
			{"can0", Traffic{124165867, 8253, 1, 2}, Traffic{674031, 6193, 3, 4}},
			{"eth0:1", Traffic{10, 1, 0, 0}, Traffic{20, 2, 0, 0}},
		})
	})
	t.Run("pressure without full", func(t *testing.T) {
		check(t, func() (Pressure, error) { return r.PressureOf("cpu") }, Pressure{Some: Stall{1.26, 0.73, 2.32, 32563283}})
	})
	t.Run("pressure", func(t *testing.T) {
		check(t, func() (Pressure, error) { return r.PressureOf("io") },
			Pressure{Some: Stall{0, 0, 0.11, 3868417}, Full: Stall{0, 0, 0.10, 3613771}})
	})
	t.Run("processes", func(t *testing.T) {
		check(t, r.Processes, []Process{ // 4242 ended while it was read; self is a link and no process of its own
			{PID: 1, Name: "systemd", State: "S", Threads: 1, Ticks: 420, StartTime: 5, Pages: 414},
			{PID: 77, Name: "a (strange) name", State: "R", Threads: 12, Ticks: 10000, StartTime: 128887, Pages: 41400},
		})
	})
}

func TestWhatAMachineDoesNotHaveIsErrNotExist(t *testing.T) {
	r := At(fstest.MapFS{})
	for name, read := range readers(r) {
		if err := read(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func readers(r Root) map[string]func() error {
	return map[string]func() error{
		"load":       func() error { _, err := r.Load(); return err },
		"uptime":     func() error { _, err := r.Uptime(); return err },
		"stat":       func() error { _, err := r.Stat(); return err },
		"memory":     func() error { _, err := r.Memory(); return err },
		"disks":      func() error { _, err := r.Disks(); return err },
		"interfaces": func() error { _, err := r.Interfaces(); return err },
		"pressure":   func() error { _, err := r.PressureOf("cpu"); return err },
		"processes":  func() error { _, err := r.Processes(); return err },
	}
}

func TestTextThatIsNotAsDocumentedIsAnError(t *testing.T) {
	heading := "a\nb\n"
	for _, c := range []struct {
		name  string
		parse func([]byte) error
		text  string
	}{
		{"load: empty", load, ""},
		{"load: words", load, "a b c"},
		{"load: not a number", load, "NaN 1 1"},
		{"load: negative", load, "-1 1 1"},
		{"load: endless", load, "1 +Inf 1"},
		{"uptime: one figure", uptime, "1.0\n"},
		{"uptime: words", uptime, "1.0 b\n"},
		{"stat: empty", stat, ""},
		{"stat: too few times", stat, "cpu 1 2 3\n"},
		{"stat: a word among the times", stat, "cpu 1 2 3 4\ncpu0 1 2 x 4\n"},
		{"stat: a CPU without number", stat, "cpu 1 2 3 4\ncpux 1 2 3 4\n"},
		{"stat: too large", stat, "cpu 1 2 3 4\nctxt 99999999999999999999\n"},
		{"stat: no figure", stat, "cpu 1 2 3 4\nbtime\n"},
		{"memory: empty", memory, ""},
		{"memory: no figure", memory, "MemTotal:\n"},
		{"memory: too large", memory, "MemTotal: 18446744073709551615 kB\n"},
		{"disks: short", disks, "8 0 sda 1 2 3\n"},
		{"disks: words", disks, "8 0 sda a 2 3 4 5 6 7 8 9 10\n"},
		{"interfaces: no colon", interfaces, heading + "lo 1 2\n"},
		{"interfaces: short", interfaces, heading + "lo: 1 2\n"},
		{"pressure: empty", pressure, ""},
		{"pressure: words", pressure, "some avg10=x\n"},
		{"process: empty", process, ""},
		{"process: no name", process, "1 S 0"},
		{"process: parentheses turned round", process, "1 )x( S 0"},
		{"process: no number", process, "x (a) S 0"},
		{"process: short", process, "1 (a) S 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.parse([]byte(c.text)); !errors.Is(err, ErrFormat) {
				t.Fatalf("got %v, want ErrFormat", err)
			}
		})
	}
}

func TestHostileSizesAreBounded(t *testing.T) {
	cpus := "cpu 1 2 3 4\n" + strings.Repeat("cpu7 1 2 3 4\n", 2*maxCPUs)
	if s, err := ParseStat([]byte(cpus)); err != nil || len(s.CPUs) != maxCPUs {
		t.Errorf("%d CPUs, %v", len(s.CPUs), err)
	}
	many := strings.Repeat("8 0 sda 1 2 3 4 5 6 7 8 9 10\n", 2*maxDevices)
	if d, err := ParseDisks([]byte(many)); err != nil || len(d) != maxDevices {
		t.Errorf("%d disks, %v", len(d), err)
	}
	many = "a\nb\n" + strings.Repeat("eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", 2*maxDevices)
	if d, err := ParseInterfaces([]byte(many)); err != nil || len(d) != maxDevices {
		t.Errorf("%d interfaces, %v", len(d), err)
	}
	long := "1 (" + strings.Repeat("\xffn", maxName) + ") S 0 0 0 0 0 0 0 0 0 0 1 2 0 0 20 0 1 0 5 0 6\n"
	if p, err := ParseProcess([]byte(long)); err != nil || p.Name != strings.Repeat("n", maxName/2) {
		t.Errorf("name %q, %v", p.Name, err)
	}
	r := At(fstest.MapFS{"proc/stat": {Data: make([]byte, maxFile+1)}})
	if _, err := r.Stat(); !errors.Is(err, ErrFormat) {
		t.Errorf("a file of %d bytes gives %v", maxFile+1, err)
	}
}

func TestFiguresThatGoBackCountAsNothing(t *testing.T) {
	got := Times{User: 10, IOWait: 3}.Since(Times{User: 4, IOWait: 5})
	if got != (Times{User: 6}) || got.Total() != 6 {
		t.Fatalf("got %+v", got)
	}
}

func FuzzParsers(f *testing.F) {
	for _, name := range []string{"loadavg", "uptime", "stat", "meminfo", "diskstats", "net/dev", "pressure/io", "77/stat"} {
		text, err := os.ReadFile("testdata/vehicle/proc/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, parse := range []func([]byte) error{load, uptime, stat, memory, disks, interfaces, pressure, process} {
			if err := parse(text); err != nil && !errors.Is(err, ErrFormat) {
				t.Fatalf("an error that is not ErrFormat: %v", err)
			}
		}
	})
}

func load(b []byte) error       { _, err := ParseLoad(b); return err }
func uptime(b []byte) error     { _, err := ParseUptime(b); return err }
func stat(b []byte) error       { _, err := ParseStat(b); return err }
func memory(b []byte) error     { _, err := ParseMemory(b); return err }
func disks(b []byte) error      { _, err := ParseDisks(b); return err }
func interfaces(b []byte) error { _, err := ParseInterfaces(b); return err }
func pressure(b []byte) error   { _, err := ParsePressure(b); return err }
func process(b []byte) error    { _, err := ParseProcess(b); return err }
