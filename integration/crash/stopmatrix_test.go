//go:build linux && shmbus_failpoints

package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/registry"
)

// stopVariable holds how long processes are stopped after every step. By default it is shortStop, and longStop after one step of
// each protocol.
const stopVariable = "SHMBUS_TEST_STOP"

// longStop is longer than the period of the regular checks, and longer than a constructor waits for a stopped process.
const longStop = 1500 * time.Millisecond

// A stop is a trigger with a duration.
type stop struct {
	trigger
	pause time.Duration
}

func (s stop) long() bool { return s.pause >= longStop }

// stops are the triggers of one scenario with their durations. Scenarios have their long stops after different steps.
func stops(t *testing.T, number int, all []trigger) (lasting []stop) {
	t.Helper()
	each := shortStop
	if text := os.Getenv(stopVariable); text != "" {
		var err error
		if each, err = time.ParseDuration(text); err != nil || each < shortStop {
			t.Fatalf("%s is %q, must be a duration of at least %v", stopVariable, text, shortStop)
		}
	}
	of := map[string][]int{}
	for i, k := range all {
		k.Signal = syscall.SIGSTOP
		lasting = append(lasting, stop{k, each})
		of[protocol(k.Step)] = append(of[protocol(k.Step)], i)
	}
	for _, steps := range of {
		k := &lasting[steps[number%len(steps)]]
		k.pause = max(each, longStop)
	}
	return lasting
}

// While a process is stopped after any step of any protocol, other processes go on, and none treats the stopped process as dead. The
// process continues where it was stopped, checks and accounts for all its samples, and ends without an error.
func TestStopMatrix(t *testing.T) {
	covered := newCoverage()
	begin := time.Now()
	t.Run("scenarios", func(t *testing.T) {
		for number, scenario := range besideSurvivors {
			all := stops(t, number, cells(scenario, count(t, scenario), 1))
			for i, part := range sections(all, 6) {
				t.Run(fmt.Sprintf("%s/%d", scenario, i), func(t *testing.T) {
					t.Parallel()
					s := newFailpointHarness(t)
					for _, k := range part {
						t.Run(fmt.Sprintf("%s/%d", k.Step, k.Pass), func(t *testing.T) {
							c := startVictim(t, s.dir, scenario, k.trigger, readerTimeout)
							if c.waitHit(t, k.trigger) {
								covered.add(t, k.trigger, c)
								s.besideStopped(t, c, k)
								covered.account(t, c)
							}
							s.checkSurvivors(t, 0, c)
						})
						if t.Failed() {
							return
						}
					}
					s.close(t)
				})
			}
		}
		for number, scenario := range standalone {
			all := stops(t, number, cells(scenario, count(t, scenario), 1))
			for i, part := range sections(all, 3) {
				t.Run(fmt.Sprintf("%s/%d", scenario, i), func(t *testing.T) {
					t.Parallel()
					for _, k := range part {
						t.Run(fmt.Sprintf("%s/%d", k.Step, k.Pass), func(t *testing.T) {
							runStandalone(t, scenario, k.trigger, func(dir string, dead []string, c *victimProcess) {
								if c.waitHit(t, k.trigger) {
									covered.add(t, k.trigger, c)
									checkNewParticipantsBesideStopped(t, dir, dead, c, k)
								}
							})
						})
					}
				})
			}
		}
	})
	if !t.Failed() {
		covered.complete(t)
		if covered.lapped == 0 {
			t.Error("no stopped process found a loss")
		}
	}
	t.Logf("%d stopped processes found their losses counted, in %v", covered.lapped, time.Since(begin).Round(time.Second))
}

// Of what comes to survivors while a victim is stopped: how much at least in a long stop, and for how much a short one is waited.
const (
	longFlow  = 120
	shortFlow = 20
	flows     = 5
)

// besideStopped checks that survivors go on beside a stopped victim, late joiners join and leave, the victim's files stay, and the victim
// goes on afterwards.
func (s *failpointHarness) besideStopped(t *testing.T, c *victimProcess, k stop) {
	t.Helper()
	c.WaitSuspended()
	over := time.After(k.pause)
	was := s.flow()
	all := harness.Files(t, s.dir)
	if k.long() {
		newcomer := harness.Start(t, s.dir, lateJoiner{})
		bound := time.AfterFunc(harness.WaitLimit/2, func() { newcomer.KillOnly() })
		defer bound.Stop()
		<-over
		if came := s.flow() - was; came < longFlow {
			t.Errorf("while it was stopped for %v %d samples came to a survivor", k.pause, came)
		}
		newcomer.Ready()
		newcomer.Finish()
		s.more += lateJoinerSamples
		checkShownStopped(t, s.dir, c, slices.DeleteFunc(slices.Clone(all), func(name string) bool { return slices.Contains(s.files, name) }))
	} else {
		<-over
	}
	for range flows {
		harness.Do(s.subscriber, advance{s.main, shortFlow})
	}
	checkFilesKept(t, s.dir, all)
	c.Resume()
	c.passes()
}

// flow is how many of the survivors' samples the lossless subscription received.
func (s *failpointHarness) flow() uint64 {
	s.subscriber.T.Helper()
	a := harness.Do(s.subscriber, countReceived{s.main})
	if a.Lost > 0 {
		s.subscriber.T.Errorf("the lossless subscription lost: %+v", a)
	}
	return a.Received
}

// account checks that a victim that had begun to take samples when it was stopped found counted what it lost: more was published
// meanwhile than the ring has room for.
func (c *coverage) account(t *testing.T, v *victimProcess) {
	t.Helper()
	at, err := readTrace(v.trace)
	if err != nil {
		t.Fatal(err)
	}
	if at.taken < firstTaken {
		return // it had not begun, or was near its end
	}
	if at.lapped == 0 {
		t.Errorf("the %s was stopped while much more was published than the ring has room for, and found nothing lost", v.scenario)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lapped++
}

// checkFilesKept checks that cleaning takes nothing from a domain, where there are these files.
func checkFilesKept(t *testing.T, dir string, its []string) {
	t.Helper()
	removed, err := registry.Clean(filepath.Join(dir, "d"), false)
	if err != nil || len(removed) != 0 {
		t.Errorf("of a stopped process %q were removed as if it were dead: %v", removed, err)
	}
	if now := harness.Files(t, dir); !slices.Equal(now, its) {
		t.Errorf("the stopped process has the files %q, it had %q", now, its)
	}
}

// checkNewParticipantsBesideStopped has new participants join a domain whose only participant is a stopped victim. Files of dead
// participants may be removed; files of the victim may not.
func checkNewParticipantsBesideStopped(t *testing.T, dir string, dead []string, c *victimProcess, k stop) {
	t.Helper()
	c.WaitSuspended()
	until := time.Now().Add(k.pause)
	its := slices.DeleteFunc(harness.Files(t, dir), func(name string) bool { return slices.Contains(dead, name) })
	checkNewParticipants(t, dir)
	for time.Now().Before(until) {
		checkNewParticipants(t, dir)
	}
	if k.long() {
		checkShownStopped(t, dir, c, its)
	}
	checkFilesKept(t, dir, its)
	c.Resume()
	c.passes()
}
