//go:build linux && shmbus_failpoints

package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// failpointRoles are the roles of the tests that stop or kill at named steps.
func failpointRoles() map[string]role {
	return map[string]role{"victim": victimRole, "steady": steadyRole, "accounting": accountingRole, "late-joiner": lateJoinerRole}
}

// subscriptions is how many subscriptions the accounting subscriber has on "load".
const subscriptions = 3

// A failpointHarness is a domain with two survivors, a publisher and an accounting subscriber, which run while victims join and are
// stopped or killed.
type failpointHarness struct {
	dir        string
	publisher  *child
	subscriber *child
	main       string // the steady publisher
	files      []string
	file       string       // of the steady publisher: its inode
	before     [2]resources // of publisher and subscriber, before the first victim
	more       uint64       // samples that others than victims published since the last afterwards
}

func newFailpointHarness(t *testing.T) *failpointHarness {
	t.Helper()
	s := &failpointHarness{dir: newDomain(t)}
	s.publisher = start(t, s.dir, "steady")
	s.main = ask(s.publisher, "id").Text
	s.subscriber = start(t, s.dir, "accounting")
	ask(s.subscriber, "advance %s 0", s.main)
	ask(s.publisher, "resume")
	s.files = files(t, s.dir)
	ask(s.subscriber, "advance %s 20", s.main)
	s.checkSurvivors(t, 0)
	s.file = s.inode(t)
	s.before = s.measureResources()
	return s
}

// ask sends a survivor a command and returns the reply.
func ask(c *child, format string, args ...any) (e accountingReply) {
	c.t.Helper()
	c.send(format, args...)
	c.expect(&e)
	return e
}

// A victimProcess is the parent's handle of a victim.
type victimProcess struct {
	*child
	scenario string
	hits     *bufio.Reader
	trace    string
}

// startVictim starts a victim.
func startVictim(t *testing.T, dir, life string, k trigger, patience time.Duration) *victimProcess {
	t.Helper()
	c := &victimProcess{scenario: life, trace: filepath.Join(t.TempDir(), "trace")}
	if err := createTrace(c.trace); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	args := []string{"-life", life, "-trace", c.trace, "-step", k.step, "-pass", strconv.Itoa(k.pass), "-patience", patience.String()}
	if k.sig == syscall.SIGSTOP {
		args = append(args, "-stop")
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.ExtraFiles = []*os.File{w}
	c.child = launch(t, cmd, dir, "victim")
	w.Close()
	if err := r.SetReadDeadline(time.Now().Add(waitLimit)); err != nil {
		t.Fatal(err)
	}
	c.hits = bufio.NewReader(r)
	return c
}

// waitHit waits until the victim reports that its trigger fires. A victim that ends without reaching the step fails the test.
func (c *victimProcess) waitHit(t *testing.T, k trigger) bool {
	t.Helper()
	line, err := c.hits.ReadString('\n')
	if err == nil && strings.TrimSpace(line) == k.String() {
		return true
	}
	c.kill()
	at, _ := readTrace(c.trace)
	t.Errorf("the %s never came to %v: %v, it came to %s of its part %d: %s", c.scenario, k, err, at.last, at.phase, c.err.String())
	return false
}

// waitDead waits for a victim that killed itself.
func (c *victimProcess) waitDead(t *testing.T) {
	t.Helper()
	c.over = true
	c.cmd.Wait()
	if s, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		t.Errorf("the %s ended with %v: %s", c.scenario, c.cmd.ProcessState, c.err.String())
	}
}

// passes waits for the end of a victim without a trigger, and returns how often it passed each step.
func (c *victimProcess) passes() (n map[string]int) {
	c.t.Helper()
	c.expect(&n)
	c.finish()
	return n
}

// waitStopped waits until the kernel shows the victim as stopped.
func (c *victimProcess) waitStopped(t *testing.T) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < waitLimit; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if after := b[bytes.LastIndexByte(b, ')')+1:]; bytes.HasPrefix(after, []byte(" T")) {
			return
		}
	}
	t.Fatal("it does not stop")
}

// checkSurvivors checks that the survivors go on and have lost no resources: every sample is accounted for, and every slot and every
// name is free again. slack is how many samples a victim that was killed at a random moment may have published beyond the count in its
// trace.
func (s *failpointHarness) checkSurvivors(t *testing.T, slack uint64, victims ...*victimProcess) {
	t.Helper()
	ask(s.subscriber, "advance %s 30", s.main)
	for begin := time.Now(); !slices.Equal(files(t, s.dir), s.files); time.Sleep(time.Millisecond) {
		if time.Since(begin) > waitLimit/2 {
			t.Fatalf("nobody removes %q", files(t, s.dir))
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
	sent := ask(s.publisher, "pause").Number
	e := ask(s.subscriber, "settle %s %d %d", s.main, sent, published)
	others := map[string]uint64{}
	for _, a := range e.Accounts {
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
			t.Errorf("%s: %d received and lost, the victim published %d: %+v", subscription, n, published, e.Accounts)
		}
	}
	if n := ask(s.publisher, "fill %d", steadySlots).Number; n != steadySlots {
		t.Errorf("the survivor can fill %d of its %d slots", n, steadySlots)
	}
	if n := ask(s.publisher, "subscribers %d", subscriptions).Number; n != subscriptions {
		t.Errorf("the survivor has %d subscriptions, not %d", n, subscriptions)
	}
	ask(s.publisher, "resume")
}

// close closes the survivors. Only the registry file must be left then.
func (s *failpointHarness) close(t *testing.T) {
	t.Helper()
	s.checkReturned(t)
	s.subscriber.finish()
	s.publisher.finish()
	if left := files(t, s.dir); len(left) > 0 {
		t.Errorf("left by the last to leave: %q", left)
	}
}

// runStandalone runs a scenario in a domain without other live participants. For some scenarios the domain holds files of dead
// participants. during ends the victim.
func runStandalone(t *testing.T, life string, k trigger, during func(dir string, dead []string, c *victimProcess)) {
	t.Helper()
	dir := newDomain(t)
	var dead []string
	if life == "cleaner" {
		startWithEndpoints(t, dir).kill()
		dead = files(t, dir)
	}
	c := startVictim(t, dir, life, k, noTimeout)
	if life == "burier" {
		c.ready()
		its := files(t, dir)
		corpse := startWithEndpoints(t, dir)
		dead = slices.DeleteFunc(files(t, dir), func(name string) bool { return slices.Contains(its, name) })
		var seen string
		if c.expect(&seen); seen != "seen" {
			t.Fatalf("the burier said %q", seen)
		}
		corpse.kill()
	}
	during(dir, dead, c)
	checkNewParticipants(t, dir)
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left after the next who came left: %q", left)
	}
}

// startWithEndpoints starts an agent with a publisher and a subscriber.
func startWithEndpoints(t *testing.T, dir string) *child {
	c := startAgent(t, dir)
	c.do("sub s t")
	c.do("pub p t")
	c.do("send p 3 500")
	c.do("take s 1")
	return c
}

// checkNewParticipants has two new participants join a domain, exchange samples and leave.
func checkNewParticipants(t *testing.T, dir string) {
	t.Helper()
	sub, pub := startAgent(t, dir), startAgent(t, dir)
	sub.do("sub s t lossless")
	pub.do("pub p t")
	sub.send("take s 20")
	pub.do("send p 10 64")
	pub.do("send p 10 640")
	var got agentReply
	if sub.expect(&got); got.Err != "" || got.Received != 20 || got.Lost != 0 {
		t.Errorf("received %+v", got)
	}
	pub.finish()
	sub.finish()
}
