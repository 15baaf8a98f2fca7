//go:build linux && shmbus_failpoints

package crash

import (
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

func failpointRoles() []harness.Role {
	return []harness.Role{harness.RoleOf(runVictim), harness.RoleOf(runSteady), harness.RoleOf(runAccounting), harness.RoleOf(joinLate), harness.RoleOf(runCallVictim), harness.RoleOf(runGroupVictim), harness.RoleOf(runGoalVictim)}
}

// subscriptions is how many subscriptions the accounting subscriber has on "load".
const subscriptions = 3

// A failpointHarness is a domain with two survivors, a publisher and an accounting subscriber, which run while victims join and are
// stopped or killed.
type failpointHarness struct {
	dir        string
	publisher  *harness.Child
	subscriber *harness.Child
	main       string // the steady publisher
	files      []string
	file       string       // of the steady publisher: its inode
	before     [2]resources // of publisher and subscriber, before the first victim
	more       uint64       // samples that others than victims published since the last afterwards
}

func newFailpointHarness(t *testing.T) *failpointHarness {
	t.Helper()
	s := &failpointHarness{dir: harness.NewDomain(t)}
	s.publisher = harness.Start(t, s.dir, steady{})
	s.main = harness.Do(s.publisher, steadyID{})
	s.subscriber = harness.Start(t, s.dir, accounting{})
	harness.Do(s.subscriber, advance{s.main, 0})
	harness.Do(s.publisher, resume{})
	s.files = harness.Files(t, s.dir)
	harness.Do(s.subscriber, advance{s.main, 20})
	s.checkSurvivors(t, 0)
	s.file = s.inode(t)
	s.before = s.measureResources()
	return s
}

// A victimProcess is the parent's handle of a victim.
type victimProcess struct {
	*harness.Child
	scenario string
	trace    string
}

// startVictim starts a victim. The timeout is that of its lossless subscriptions.
func startVictim(t *testing.T, dir, scenario string, k trigger, timeout time.Duration) *victimProcess {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	if err := createTrace(trace); err != nil {
		t.Fatal(err)
	}
	c := harness.Start(t, dir, victimRequest{Scenario: scenario, Trace: trace, Trigger: k, LosslessTimeout: timeout})
	return &victimProcess{c, scenario, trace}
}

// waitHit waits until the victim reports that its trigger fires. A victim that ends without reaching the step fails the test.
func (c *victimProcess) waitHit(t *testing.T, k trigger) bool {
	t.Helper()
	var hit trigger
	err := c.Next(&hit)
	if err == nil && hit == k {
		return true
	}
	c.Kill()
	at, _ := readTrace(c.trace)
	t.Errorf("the %s never came to %v: %v, it came to %s of its part %d: %s", c.scenario, k, err, at.last, at.phase, c.ErrorText())
	return false
}

// waitDead waits for a victim that killed itself.
func (c *victimProcess) waitDead(t *testing.T) {
	t.Helper()
	state := c.Wait()
	if signal, _ := harness.Signaled(state); signal != syscall.SIGKILL {
		t.Errorf("the %s ended with %v: %s", c.scenario, state, c.ErrorText())
	}
}

// passes waits for the end of a victim without a trigger, and returns how often it passed each step.
func (c *victimProcess) passes() (n map[string]int) {
	c.T.Helper()
	c.Expect(&n)
	c.Finish()
	return n
}

// checkSurvivors checks that the survivors go on and have lost no resources: every sample is accounted for, and every slot and every
// name is free again. slack is how many samples a victim that was killed at a random moment may have published beyond the count in its
// trace.
func (s *failpointHarness) checkSurvivors(t *testing.T, slack uint64, victims ...*victimProcess) {
	t.Helper()
	harness.Do(s.subscriber, advance{s.main, 30})
	for begin := time.Now(); !slices.Equal(harness.Files(t, s.dir), s.files); time.Sleep(time.Millisecond) {
		if time.Since(begin) > harness.WaitLimit/2 {
			t.Fatalf("no participant removes %q", harness.Files(t, s.dir))
		}
	}
	published := s.more
	s.more = 0
	for _, v := range victims {
		at, err := readTrace(v.trace)
		if err != nil {
			t.Fatal(err)
		}
		published += at.published
	}
	sent := harness.Do(s.publisher, pause{})
	accounts := harness.Do(s.subscriber, settle{s.main, sent, published})
	others := map[string]uint64{}
	for _, a := range accounts {
		if a.Subscription == "lossless" && a.Lost != 0 {
			t.Errorf("the lossless subscription lost: %+v", a)
		}
		if a.Publisher != s.main {
			others[a.Subscription] += a.Received + a.Lost
		} else if a.Received+a.Lost != sent {
			t.Errorf("the survivor published %d: %+v", sent, a)
		}
	}
	for subscription, n := range others {
		if n < published || n > published+slack {
			t.Errorf("%s: %d received and lost, the victim published %d: %+v", subscription, n, published, accounts)
		}
	}
	if n := harness.Do(s.publisher, countSlots{steadySlots}); n != steadySlots {
		t.Errorf("the survivor can fill %d of its %d slots", n, steadySlots)
	}
	if n := harness.Do(s.publisher, countSubscribers{subscriptions}); n != subscriptions {
		t.Errorf("the survivor has %d subscriptions, not %d", n, subscriptions)
	}
	harness.Do(s.publisher, resume{})
}

// close closes the survivors. Only the registry file must be left then.
func (s *failpointHarness) close(t *testing.T) {
	t.Helper()
	s.checkReturned(t)
	s.subscriber.Finish()
	s.publisher.Finish()
	if left := harness.Files(t, s.dir); len(left) > 0 {
		t.Errorf("left by the last to leave: %q", left)
	}
}

// runStandalone runs a scenario in a domain without other live participants. For some scenarios the domain holds files of dead
// participants. during ends the victim.
func runStandalone(t *testing.T, scenario string, k trigger, during func(dir string, dead []string, c *victimProcess)) {
	t.Helper()
	dir := harness.NewDomain(t)
	var dead []string
	if scenario == "cleaner" {
		startWithEndpoints(t, dir).Kill()
		dead = harness.Files(t, dir)
	}
	c := startVictim(t, dir, scenario, k, noTimeout)
	if scenario == "reaper" {
		c.Ready()
		its := harness.Files(t, dir)
		other := startWithEndpoints(t, dir)
		dead = slices.DeleteFunc(harness.Files(t, dir), func(name string) bool { return slices.Contains(its, name) })
		c.Ready() // it sees the other participant
		other.Kill()
	}
	during(dir, dead, c)
	checkNewParticipants(t, dir)
	if left := harness.Files(t, dir); len(left) > 0 {
		t.Errorf("left after the next participants left: %q", left)
	}
}

// startWithEndpoints starts an agent with a publisher and a subscriber.
func startWithEndpoints(t *testing.T, dir string) agent.Agent {
	c := agent.Start(t, dir)
	c.Subscribe("s", "t")
	c.Advertise("p", "t")
	c.Send("p", 3, 500)
	c.Take("s", 1)
	return c
}

// checkNewParticipants has two new participants join a domain, exchange samples and leave.
func checkNewParticipants(t *testing.T, dir string) {
	t.Helper()
	sub, pub := agent.Start(t, dir), agent.Start(t, dir)
	sub.SubscribeLossless("s", "t")
	pub.Advertise("p", "t")
	taken := sub.GoTake("s", 20)
	pub.Send("p", 10, 64)
	pub.Send("p", 10, 640)
	if got := taken.Wait(); got.Received != 20 || got.Lost != 0 {
		t.Errorf("received %+v", got)
	}
	pub.Finish()
	sub.Finish()
}
