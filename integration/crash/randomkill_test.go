//go:build linux && shmbus_failpoints

package crash

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

// roundsVariable holds how many rounds of random kills there are; default is fewRounds.
const roundsVariable = "SHMBUS_TEST_KILLS"

const fewRounds = 300

func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv(roundsVariable)
	if text == "" {
		return fewRounds
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, must be a number of rounds", roundsVariable, text)
	}
	return n
}

// killStats count the kills by scenario, phase and protocol.
type killStats struct {
	mu        sync.Mutex
	rounds    int
	both      int // rounds that killed two
	scenarios map[string]int
	phases    map[string]int
	protocols map[string]int // of the step that was the last
}

// addKill notes the phase and the step at which a victim was killed. The victim must not have failed before.
func (f *killStats) addKill(t *testing.T, c *victimProcess) {
	t.Helper()
	at, err := readTrace(c.trace)
	if err != nil {
		t.Fatal(err)
	}
	if c.ErrorText() != "" || c.Wait().ExitCode() > 0 {
		t.Errorf("before it was killed the %s ended with %v: %s", c.scenario, c.Wait(), c.ErrorText())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scenarios[c.scenario]++
	where := "before it joined"
	if c.Wait().Exited() {
		where = "after its end"
	} else if at.last != "" {
		where = phasesOf(c.scenario)[at.phase].name
		f.protocols[protocol(at.last)]++
	}
	f.phases[c.scenario+" "+where]++
}

func (f *killStats) addRound(victims int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rounds++
	f.both += victims - 1
}

func most(n map[string]int) string {
	var all []string
	for _, k := range slices.SortedFunc(maps.Keys(n), func(a, b string) int { return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b)) }) {
		all = append(all, fmt.Sprintf("%s %d", k, n[k]))
	}
	return strings.Join(all, ", ")
}

// A kill at any time, of one process or of both ends, costs other processes nothing.
func TestRandomKills(t *testing.T) {
	n := rounds(t)
	f := &killStats{scenarios: map[string]int{}, phases: map[string]int{}, protocols: map[string]int{}}
	begin := time.Now()
	t.Run("domains", func(t *testing.T) {
		for i := range 3 {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				if i == 2 { // one after the other has a domain of its own
					for k := i; k < n && !t.Failed(); k += 3 {
						t.Run(strconv.Itoa(k), func(t *testing.T) { killStandaloneAtRandom(t, f) })
					}
					return
				}
				s := newFailpointHarness(t)
				for k := i; k < n && !t.Failed(); k += 3 {
					t.Run(strconv.Itoa(k), func(t *testing.T) { killAtRandom(t, s, f) })
				}
				s.close(t)
			})
		}
	})
	t.Logf("%d rounds in %v, %d of them killed both ends", f.rounds, time.Since(begin).Round(time.Second), f.both)
	t.Logf("killed: %s", most(f.scenarios))
	t.Logf("in its part: %s", most(f.phases))
	t.Logf("last step was of: %s", most(f.protocols))
}

// killAtRandom kills one or two victims a random moment after the begin of a random phase.
func killAtRandom(t *testing.T, s *failpointHarness, f *killStats) {
	chosen := [][]string{
		{"publisher"}, {"subscriber"}, {"lossless"}, {"publisher", "subscriber"}, {"publisher", "lossless"}, {"subscriber", "lossless"},
		{"publisher"}, {"readerlimit"},
	}[rand.IntN(8)]
	var victims []*victimProcess
	for _, scenario := range chosen {
		victims = append(victims, startVictim(t, s.dir, scenario, trigger{}, noTimeout))
	}
	victims[0].waitRandomMoment()
	for _, i := range rand.Perm(len(victims)) {
		victims[i].Kill()
	}
	var slack uint64
	for _, v := range victims {
		f.addKill(t, v)
		if v.scenario == "publisher" && !v.Wait().Exited() {
			slack++ // it may have been killed between a ring word and its note of it
		}
	}
	f.addRound(len(victims))
	s.checkSurvivors(t, slack, victims...)
}

// killStandaloneAtRandom does the same without other participants. New participants must then be able to use the domain, and leave no
// file behind.
func killStandaloneAtRandom(t *testing.T, f *killStats) {
	runStandalone(t, standalone[rand.IntN(len(standalone))], trigger{}, func(_ string, _ []string, c *victimProcess) {
		c.waitRandomMoment()
		c.Kill()
		f.addKill(t, c)
		f.addRound(1)
	})
}

// waitRandomMoment returns a random moment after the victim began a random phase.
func (c *victimProcess) waitRandomMoment() {
	part := rand.IntN(len(phasesOf(c.scenario)))
	for begin := time.Now(); time.Since(begin) < harness.WaitLimit; time.Sleep(50 * time.Microsecond) {
		if at, err := readTrace(c.trace); err == nil && at.phase >= part {
			break
		}
	}
	time.Sleep(rand.N(4 * time.Millisecond))
}

func phasesOf(name string) []phase {
	for _, l := range scenarios() {
		if l.name == name {
			return l.phases
		}
	}
	return nil
}
