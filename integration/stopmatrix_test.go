//go:build linux && shmbus_killpoints

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/registry"
)

// stopVariable holds how long processes are stopped; default is shortStop.
const stopVariable = "SHMBUS_TEST_STOP"

func stopFor(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(stopVariable)
	if text == "" {
		return shortStop
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < shortStop {
		t.Fatalf("%s is %q, must be a duration of at least %v", stopVariable, text, shortStop)
	}
	return d
}

// While a process is stopped after any step of any protocol the others go on, and nobody takes it for dead. When it goes on it
// does so where it was, checks and accounts for everything it gets, and ends well.
func TestStopMatrix(t *testing.T) {
	pause := stopFor(t)
	struck := &census{steps: map[string]bool{}}
	begin := time.Now()
	t.Run("lives", func(t *testing.T) {
		for _, life := range watched {
			all := cells(life, count(t, life), 1)
			for i, part := range sections(all, 6) {
				t.Run(fmt.Sprintf("%s/%d", life, i), func(t *testing.T) {
					t.Parallel()
					s := newScene(t)
					for _, k := range part {
						k.sig = syscall.SIGSTOP
						t.Run(fmt.Sprintf("%s/%d", k.step, k.pass), func(t *testing.T) {
							c := send(t, s.dir, life, k, impatience)
							if c.struck(t, k) {
								s.besideStopped(t, c, pause)
								struck.add(k)
							}
							s.afterwards(t, 0, c)
						})
						if t.Failed() {
							return
						}
					}
					s.end(t)
				})
			}
		}
		for _, life := range lonely {
			all := cells(life, count(t, life), 1)
			for i, part := range sections(all, 3) {
				t.Run(fmt.Sprintf("%s/%d", life, i), func(t *testing.T) {
					t.Parallel()
					for _, k := range part {
						k.sig = syscall.SIGSTOP
						t.Run(fmt.Sprintf("%s/%d", k.step, k.pass), func(t *testing.T) {
							alone(t, life, k, func(dir string, dead []string, c *casualty) {
								if c.struck(t, k) {
									strangersBesideStopped(t, dir, dead, c, pause)
									struck.add(k)
								}
							})
						})
					}
				})
			}
		}
	})
	if !t.Failed() {
		struck.complete(t)
	}
	t.Logf("stopped for %v each, in %v", pause, time.Since(begin).Round(time.Second))
}

// besideStopped checks that survivors go on beside a victim that is stopped, leave it what is its own, and that it goes on
// afterwards.
func (s *scene) besideStopped(t *testing.T, c *casualty, pause time.Duration) {
	t.Helper()
	c.stopped(t)
	until := time.Now().Add(pause)
	its := files(t, s.dir)
	for time.Now().Before(until) {
		ask(s.witness, "advance %s 20", s.main)
	}
	spared(t, s.dir, its)
	c.signal(syscall.SIGCONT)
	c.passes()
}

// spared checks that cleaning takes nothing from a domain, where there are these files.
func spared(t *testing.T, dir string, its []string) {
	t.Helper()
	removed, err := registry.Clean(filepath.Join(dir, "d"), false)
	if err != nil || len(removed) != 0 {
		t.Errorf("of a stopped process %q were removed as if it were dead: %v", removed, err)
	}
	if now := files(t, dir); !slices.Equal(now, its) {
		t.Errorf("the stopped process has the files %q, it had %q", now, its)
	}
}

// strangersBesideStopped has others come to a domain where there is nobody but a victim that is stopped. What the dead left
// may go; of the victim nothing may.
func strangersBesideStopped(t *testing.T, dir string, dead []string, c *casualty, pause time.Duration) {
	t.Helper()
	c.stopped(t)
	until := time.Now().Add(pause)
	its := slices.DeleteFunc(files(t, dir), func(name string) bool { return slices.Contains(dead, name) })
	strangers(t, dir)
	for time.Now().Before(until) {
		strangers(t, dir)
	}
	spared(t, dir, its)
	c.signal(syscall.SIGCONT)
	c.passes()
}
