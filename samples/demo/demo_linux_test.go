package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/registry"
)

func TestMain(m *testing.M) {
	if _, ok := subproc.Role(os.Args[1:]); ok {
		os.Exit(childMain())
	}
	if os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // else the race detector makes every child stay a second longer
	}
	os.Exit(m.Run())
}

// tmpfs returns a directory for domains and checks at the end of the test that the demo left nothing in it.
func tmpfs(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error {
			if path != dir {
				t.Errorf("left behind: %s", path)
			}
			return nil
		})
		os.RemoveAll(dir)
	})
	return dir
}

// watched collects the output of a demo and calls at once, when the output contains the word.
type watched struct {
	mu   sync.Mutex
	text strings.Builder
	word string
	at   func()
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if w.at != nil && strings.Contains(w.text.String(), w.word) {
		at := w.at
		w.at = nil
		at()
	}
	return len(p), nil
}

func short(dir string) config { return config{duration: time.Second, rate: 1, dir: dir} }

func TestTheDemoRecordsReplaysAndComparesEqual(t *testing.T) {
	w := &watched{}
	ok, err := run(t.Context(), short(tmpfs(t)), &screen{w: w})
	if err != nil {
		t.Fatalf("%v\n%s", err, w.text.String())
	}
	m := regexp.MustCompile(`^demo ok: (\d+) messages on (\d+) topics recorded, replayed and compared equal$`).FindStringSubmatch(ok)
	if m == nil {
		t.Fatalf("the last line is %q", ok)
	}
	// A machine this is tested on has a clock, a kernel, CPUs, memory, a load, an uptime and processes. Of each there is a first
	// figure; how many more come within a second is the machine's affair.
	messages, _ := strconv.Atoi(m[1])
	topics, _ := strconv.Atoi(m[2])
	if messages < topics || topics < 7 {
		t.Errorf("%s\n%s", ok, w.text.String())
	}
	if !strings.Contains(w.text.String(), "host/clock") {
		t.Errorf("no table in\n%s", w.text.String())
	}
}

func TestAKeptRecordingIsKept(t *testing.T) {
	c := short(tmpfs(t))
	c.duration, c.keep = time.Second/2, filepath.Join(t.TempDir(), "kept.mcap")
	if _, err := run(t.Context(), c, &screen{w: &watched{}}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(c.keep); err != nil || info.Size() == 0 {
		t.Fatalf("%v, %v", info, err)
	}
	// A second run does not overwrite it.
	if _, err := run(t.Context(), c, &screen{w: &watched{}}); err == nil || !strings.Contains(err.Error(), "recorder") {
		t.Fatalf("recording over a file gives %v", err)
	}
}

func TestAnInterruptedDemoLeavesNothing(t *testing.T) {
	for _, word := range []string{"recording", "replaying", "comparing"} {
		t.Run(word, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			interrupted := errors.New("interrupted")
			w := &watched{word: word, at: func() { cancel(interrupted) }}
			_, err := run(ctx, short(tmpfs(t)), &screen{w: w})
			// A comparison that is quick may be over before it looks.
			if !errors.Is(err, interrupted) && !(word == "comparing" && err == nil) {
				t.Fatalf("got %v\n%s", err, w.text.String())
			}
		})
	}
}

func TestADemoOfWhichAProcessDiesSaysWhichAndLeavesNothing(t *testing.T) {
	for _, c := range []struct{ word, domain, unit string }{
		{"recording", liveDomain, rolePublisher},
		{"recording", liveDomain, roleRecorder},
		{"recording", liveDomain, roleSubscriber},
		{"replaying", replayDomain, roleRecorder},
	} {
		t.Run(c.domain+" "+c.unit, func(t *testing.T) {
			dir := tmpfs(t)
			w := &watched{word: c.word, at: func() { kill(t, dir, c.domain, "demo-"+c.unit) }}
			_, err := run(t.Context(), short(dir), &screen{w: w})
			if want := "the " + c.unit + " failed: signal: killed"; err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("got %v, want %q\n%s", err, want, w.text.String())
			}
		})
	}
}

// kill kills the participant of a demo's domain with that unit name.
func kill(t *testing.T, dir, domain, unit string) {
	found, err := filepath.Glob(filepath.Join(dir, "shmbus-demo-*", domain))
	if err != nil || len(found) != 1 {
		t.Errorf("domains %v, %v", found, err)
		return
	}
	o, err := registry.Observe(found[0])
	if err != nil {
		t.Error(err)
		return
	}
	defer o.Close()
	all, err := o.Snapshot()
	if err != nil {
		t.Error(err)
	}
	for _, p := range all {
		if p.Unit == unit {
			if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			return
		}
	}
	t.Errorf("no %s among %d participants", unit, len(all))
}

func TestAMissingDirectoryIsAnError(t *testing.T) {
	c := short(filepath.Join(t.TempDir(), "missing"))
	if _, err := run(t.Context(), c, &screen{w: &watched{}}); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}
