//go:build linux && shmbus_failpoints

package crash

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/layouttest"
)

// Scenarios beside survivors, and scenarios without other participants.
var (
	besideSurvivors = []string{"publisher", "subscriber", "lossless", "readerlimit"}
	standalone      = []string{"first", "polling", "cleaner", "reaper", "leaver"}
)

// noTimeout is the timeout of lossless subscriptions of victims that are killed. A publisher that misses such a death waits for longer
// than any test.
const noTimeout = time.Hour

// A coverage is the steps at which a trigger fired, and those of them in the phase "leave".
type coverage struct {
	mu      sync.Mutex
	steps   map[string]bool
	leaving map[string]bool
	cells   int
	lapped  int // stopped victims that counted losses
}

func newCoverage() *coverage { return &coverage{steps: map[string]bool{}, leaving: map[string]bool{}} }

// add notes the step and the phase of a victim whose trigger fired.
func (c *coverage) add(t *testing.T, k trigger, v *victimProcess) {
	t.Helper()
	at, err := readTrace(v.trace)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps[k.Step] = true
	if phasesOf(v.scenario)[at.phase].name == "leave" {
		c.leaving[k.Step] = true
	}
	c.cells++
}

// complete fails if no trigger fired at some step in any scenario.
func (c *coverage) complete(t *testing.T) {
	t.Helper()
	steps, err := layouttest.Steps("../..")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := append(serviceProtocols(), goalProtocol, groupProtocol) // in TestCallMatrix, TestGoalMatrix and TestGroupMatrix
	steps = slices.DeleteFunc(steps, func(s string) bool { return slices.Contains(elsewhere, protocol(s)) })
	for _, s := range steps {
		if as := sameCode()[s]; as != "" {
			if !c.leaving[as] {
				t.Errorf("no trigger fired after %s while leaving, which is %s", as, s)
			}
			continue
		}
		if !c.steps[s] {
			t.Errorf("no trigger fired after %s", s)
		}
	}
	if !t.Failed() {
		t.Logf("%d cells, all %d steps", c.cells, len(steps))
	}
}

// cells are the triggers of one scenario, given how often it passes each step: at most each of one step, the latest passes, except
// where files are made. Where the number of passes depends on timing, the trigger is early enough to be reached.
func cells(scenario string, passes map[string]int, each int) (all []trigger) {
	for _, step := range slices.Sorted(maps.Keys(passes)) {
		n := passes[step]
		at := []int{1}
		switch protocol(step) {
		case "file", "join", "advertise", "unadvertise", "grow", "leave", "close", "remove", "clean":
			for i := 2; i <= min(n, 5); i++ {
				at = append(at, i)
			}
		case "bell":
			at = append(at, max(1, n/3), max(1, n/2))
		case "sleep", "skip", "backpressure", "reclaim", "takeback":
			at = append(at, min(max(1, n/3), 3)) // the number of passes depends on timing
		default:
			if step == "publish.bell" || step == "publish.wake" {
				n = min(n, 9) // the same
			}
			if n > 5 {
				at = append(at, n/3)
			}
		}
		switch scenario {
		case "readerlimit":
			if !strings.HasPrefix(step, "refuse.") && !strings.HasPrefix(step, "removereader.") {
				continue
			}
			at = at[:1]
		case "first":
			if p := protocol(step); p != "file" && p != "join" && p != "bell" && p != "advertise" {
				continue
			}
		case "polling":
			if step != "sleep.polling" && step != "sleep.fence" && step != "publish.polling" {
				continue
			}
		case "leaver":
			if protocol(step) != "leave" && step != "clean.files" && step != "clean.participant" {
				continue
			}
		case "reaper":
			if step != "clean.again" && step != "clean.files" && step != "clean.participant" { // the others begin a joining
				continue
			}
		}
		at = slices.Compact(at)
		n = each
		if protocol(step) == "file" {
			n = len(at) // every file is another one
		}
		for _, pass := range at[max(0, len(at)-n):] {
			all = append(all, trigger{Step: step, Pass: pass})
		}
	}
	return all
}

// sections divides triggers into n parts.
func sections[S any](all []S, n int) (parts [][]S) {
	for i := range n {
		var part []S
		for k := i; k < len(all); k += n {
			part = append(part, all[k])
		}
		if len(part) > 0 {
			parts = append(parts, part)
		}
	}
	return parts
}

// count runs a scenario to its end and returns how often it passes each step.
func count(t *testing.T, scenario string) (n map[string]int) {
	t.Helper()
	if slices.Contains(standalone, scenario) {
		runStandalone(t, scenario, trigger{Step: "leave.bell", Pass: -1}, func(_ string, _ []string, c *victimProcess) { n = c.passes() })
		return n
	}
	s := newFailpointHarness(t)
	c := startVictim(t, s.dir, scenario, trigger{}, noTimeout)
	n = c.passes()
	s.checkSurvivors(t, 0, c)
	s.close(t)
	return n
}

// The death of a process after any step of any protocol costs other processes nothing.
func TestKillMatrix(t *testing.T) {
	covered := newCoverage()
	begin := time.Now()
	t.Run("scenarios", func(t *testing.T) {
		for _, scenario := range besideSurvivors {
			t.Run(scenario, func(t *testing.T) {
				t.Parallel()
				s := newFailpointHarness(t)
				for _, k := range cells(scenario, count(t, scenario), 5) {
					k.Signal = syscall.SIGKILL
					t.Run(fmt.Sprintf("%s/%d", k.Step, k.Pass), func(t *testing.T) {
						c := startVictim(t, s.dir, scenario, k, noTimeout)
						if c.waitHit(t, k) {
							covered.add(t, k, c)
							c.waitDead(t)
						}
						s.checkSurvivors(t, 0, c)
					})
					if t.Failed() {
						return // the survivors may have failed
					}
				}
				s.close(t)
			})
		}
		for _, scenario := range standalone {
			t.Run(scenario, func(t *testing.T) {
				t.Parallel()
				for _, k := range cells(scenario, count(t, scenario), 5) {
					k.Signal = syscall.SIGKILL
					t.Run(fmt.Sprintf("%s/%d", k.Step, k.Pass), func(t *testing.T) {
						runStandalone(t, scenario, k, func(_ string, _ []string, c *victimProcess) {
							if c.waitHit(t, k) {
								covered.add(t, k, c)
								c.waitDead(t)
							}
						})
					})
				}
			})
		}
	})
	if !t.Failed() {
		covered.complete(t)
	}
	t.Logf("in %v", time.Since(begin).Round(time.Second))
}
