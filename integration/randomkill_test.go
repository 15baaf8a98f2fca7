//go:build linux && shmbus_killpoints

package integration

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

// figures count whom kills hit where.
type figures struct {
	mu        sync.Mutex
	rounds    int
	lives     map[string]int
	phases    map[string]int
	protocols map[string]int // of the step that was the last
}

func (f *figures) add(c *casualty, at trace) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lives[c.life]++
	where := "before it joined"
	if c.cmd.ProcessState.Exited() {
		where = "after its end"
	} else if at.last != "" {
		where = phasesOf(c.life)[at.phase].name
		f.protocols[protocol(at.last)]++
	}
	f.phases[c.life+" "+where]++
}

func most(n map[string]int) string {
	var all []string
	for _, k := range slices.SortedFunc(maps.Keys(n), func(a, b string) int { return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b)) }) {
		all = append(all, fmt.Sprintf("%s %d", k, n[k]))
	}
	return strings.Join(all, ", ")
}

// Whoever is killed at any time, one alone or both ends, costs nobody anything.
func TestRandomKills(t *testing.T) {
	n := rounds(t)
	f := &figures{lives: map[string]int{}, phases: map[string]int{}, protocols: map[string]int{}}
	begin := time.Now()
	t.Run("scenes", func(t *testing.T) {
		for i := range 2 {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				s := newScene(t)
				for k := i; k < n && !t.Failed(); k += 2 {
					t.Run(strconv.Itoa(k), func(t *testing.T) { killAtRandom(t, s, f) })
				}
				s.end(t)
			})
		}
	})
	t.Logf("%d rounds in %v, %d of them killed both ends", f.rounds, time.Since(begin).Round(time.Second), f.lives["publisher"]+f.lives["subscriber"]+f.lives["lossless"]+f.lives["crowded"]-f.rounds)
	t.Logf("killed: %s", most(f.lives))
	t.Logf("in its part: %s", most(f.phases))
	t.Logf("last step was of: %s", most(f.protocols))
}

// killAtRandom has one victim or two killed when some part of their lives has gone by: they begin a part that is drawn, and live
// a moment that is.
func killAtRandom(t *testing.T, s *scene, f *figures) {
	chosen := [][]string{
		{"publisher"}, {"subscriber"}, {"lossless"}, {"publisher", "subscriber"}, {"publisher", "lossless"}, {"subscriber", "lossless"},
		{"publisher"}, {"crowded"},
	}[rand.IntN(8)]
	var victims []*casualty
	for _, life := range chosen {
		victims = append(victims, send(t, s.dir, life, strike{}, 0))
	}
	first := victims[0]
	part := rand.IntN(len(phasesOf(first.life)))
	for begin := time.Now(); time.Since(begin) < long; time.Sleep(50 * time.Microsecond) {
		if at, err := readTrace(first.trace); err == nil && at.phase >= part {
			break
		}
	}
	time.Sleep(rand.N(4 * time.Millisecond))
	for _, i := range rand.Perm(len(victims)) {
		victims[i].kill()
	}
	var slack uint64
	for _, v := range victims {
		at, err := readTrace(v.trace)
		if err != nil {
			t.Fatal(err)
		}
		if v.err.Len() > 0 || v.cmd.ProcessState.ExitCode() > 0 {
			t.Errorf("before it was killed the %s ended with %v: %s", v.life, v.cmd.ProcessState, v.err.String())
		}
		f.add(v, at)
		slack++ // it may have been killed between a ring word and its note of it
	}
	f.mu.Lock()
	f.rounds++
	f.mu.Unlock()
	s.afterwards(t, slack, victims...)
}

func phasesOf(name string) []phase {
	for _, l := range lives() {
		if l.name == name {
			return l.phases
		}
	}
	return nil
}
