//go:build linux

package adversary

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// How long the mix of all attacks goes on, and one process with one of them. SHMBUS_TEST_HOSTILE is how long the mix does instead,
// as of time.ParseDuration; SHMBUS_TEST_SEED repeats a run's attacks.
const (
	mixTime = 3 * time.Second
	runTime = 200 * time.Millisecond
	maxRuns = 40 // with one attack until an adversary is named
)

// Two pairs of targets exchange samples losslessly in a domain in which one adversary after the other attacks its own files. A peer
// shares topics with each adversary and with two targets. No target or peer ends, targets lose nothing and take no more memory, joiners
// join and leave, and each attack with an effect on other processes has an adversary named.
func TestAdversary_HurtsNoOtherProcess(t *testing.T) {
	mix, seed := mixTime, rand.Uint64()
	var err error
	if v := os.Getenv("SHMBUS_TEST_HOSTILE"); v != "" {
		if mix, err = time.ParseDuration(v); err != nil {
			t.Fatal(err)
		}
	}
	if v := os.Getenv("SHMBUS_TEST_SEED"); v != "" {
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SHMBUS_TEST_SEED=%d", seed)
	s := newAdversaryHarness(t, seed)
	defer resetDomain(s.domain)
	s.stuck = time.AfterFunc(runTimeout, s.dumpStacks)
	defer s.stuck.Stop()
	for _, attack := range attacks() {
		switch {
		case attack.name == "mix":
			for end := time.Now().Add(mix); time.Now().Before(end); {
				s.runAdversary(attack, runTime)
			}
		case attack.harmless != "":
			s.runAdversary(attack, runTime)
		default:
			tries, long := 1, runTime
			for s.runAdversary(attack, long) == 0 {
				if tries++; tries > maxRuns {
					t.Errorf("%s: none of %d adversaries that did that is named", attack.name, maxRuns)
					break
				}
				long = min(2*long, 2*time.Second) // some attacks are found only by the check that runs each second
			}
			t.Logf("%s: named in run %d", attack.name, tries)
		}
	}
	if err := resetDomain(s.domain); err != nil {
		t.Fatal(err)
	}
	s.settle()
	s.end()
}
