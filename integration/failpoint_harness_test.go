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

// struckRoles are those of the tests that strike at named steps.
func struckRoles() map[string]role {
	return map[string]role{"victim": victimRole, "steady": steadyRole, "witness": witnessRole, "newcomer": newcomerRole}
}

// subscriptions is how many the witness has on "load".
const subscriptions = 3

// A scene is a domain in which a publisher and a witness go on while victims come, live, and are struck.
type scene struct {
	dir     string
	steady  *child
	witness *child
	main    string // the steady publisher
	own     []string
	file    string      // of the steady publisher: its inode
	had     [2]holdings // of steady and witness, before the first victim
	more    uint64      // samples that others than victims published since the last afterwards
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{dir: newDomain(t)}
	s.steady = start(t, s.dir, "steady")
	s.main = ask(s.steady, "id").Text
	s.witness = start(t, s.dir, "witness")
	ask(s.witness, "advance %s 0", s.main)
	ask(s.steady, "resume")
	s.own = files(t, s.dir)
	ask(s.witness, "advance %s 20", s.main)
	s.afterwards(t, 0)
	s.file = s.inode(t)
	s.had = s.has()
	return s
}

// ask gives a survivor a command and returns what it says.
func ask(c *child, format string, args ...any) (e evidence) {
	c.t.Helper()
	c.order(format, args...)
	c.expect(&e)
	return e
}

// A casualty is a victim as its parent sees it.
type casualty struct {
	*child
	life    string
	strikes *bufio.Reader
	trace   string
}

// send starts a victim.
func send(t *testing.T, dir, life string, k strike, patience time.Duration) *casualty {
	t.Helper()
	c := &casualty{life: life, trace: filepath.Join(t.TempDir(), "trace")}
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
	if err := r.SetReadDeadline(time.Now().Add(long)); err != nil {
		t.Fatal(err)
	}
	c.strikes = bufio.NewReader(r)
	return c
}

// struck waits until the victim says that it is where it was to be struck. One that never comes there fails the test.
func (c *casualty) struck(t *testing.T, k strike) bool {
	t.Helper()
	line, err := c.strikes.ReadString('\n')
	if err == nil && strings.TrimSpace(line) == k.String() {
		return true
	}
	c.kill()
	at, _ := readTrace(c.trace)
	t.Errorf("the %s never came to %v: %v, it came to %s of its part %d: %s", c.life, k, err, at.last, at.phase, c.err.String())
	return false
}

// dead waits for a victim that killed itself.
func (c *casualty) dead(t *testing.T) {
	t.Helper()
	c.over = true
	c.cmd.Wait()
	if s, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		t.Errorf("the %s ended with %v: %s", c.life, c.cmd.ProcessState, c.err.String())
	}
}

// passes waits for the end of a victim that lives to it, and returns how often it came to each step.
func (c *casualty) passes() (n map[string]int) {
	c.t.Helper()
	c.expect(&n)
	c.finish()
	return n
}

// stopped waits until the kernel calls the victim stopped.
func (c *casualty) stopped(t *testing.T) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < long; time.Sleep(time.Millisecond) {
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

// afterwards checks that the survivors go on, and that the victims cost nobody anything: every sample is accounted for, every
// slot and every name is back. slack is how many samples more than it noted a victim that was killed at any moment may have
// published.
func (s *scene) afterwards(t *testing.T, slack uint64, victims ...*casualty) {
	t.Helper()
	ask(s.witness, "advance %s 30", s.main)
	for begin := time.Now(); !slices.Equal(files(t, s.dir), s.own); time.Sleep(time.Millisecond) {
		if time.Since(begin) > long/2 {
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
	sent := ask(s.steady, "pause").Number
	e := ask(s.witness, "settle %s %d %d", s.main, sent, published)
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
	if n := ask(s.steady, "fill %d", steadySlots).Number; n != steadySlots {
		t.Errorf("the survivor can fill %d of its %d slots", n, steadySlots)
	}
	if n := ask(s.steady, "subscribers %d", subscriptions).Number; n != subscriptions {
		t.Errorf("the survivor has %d subscriptions, not %d", n, subscriptions)
	}
	ask(s.steady, "resume")
}

// end closes the survivors. Nothing but the registry file is left then, without anybody's help.
func (s *scene) end(t *testing.T) {
	t.Helper()
	s.returned(t)
	s.witness.finish()
	s.steady.finish()
	if left := files(t, s.dir); len(left) > 0 {
		t.Errorf("left by the last to leave: %q", left)
	}
}

// alone has a life lived in a domain where there is nobody but, for some lives, the dead, of whom there are files. during sees
// to the victim's end.
func alone(t *testing.T, life string, k strike, during func(dir string, dead []string, c *casualty)) {
	t.Helper()
	dir := newDomain(t)
	var dead []string
	if life == "cleaner" {
		obeyAndMake(t, dir).kill()
		dead = files(t, dir)
	}
	c := send(t, dir, life, k, forever)
	if life == "burier" {
		c.ready()
		its := files(t, dir)
		corpse := obeyAndMake(t, dir)
		dead = slices.DeleteFunc(files(t, dir), func(name string) bool { return slices.Contains(its, name) })
		var seen string
		if c.expect(&seen); seen != "seen" {
			t.Fatalf("the burier said %q", seen)
		}
		corpse.kill()
	}
	during(dir, dead, c)
	strangers(t, dir)
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left after the next who came left: %q", left)
	}
}

// obeyAndMake starts a process that has one of everything.
func obeyAndMake(t *testing.T, dir string) *child {
	c := obey(t, dir)
	c.do("sub s t")
	c.do("pub p t")
	c.do("send p 3 500")
	c.do("take s 1")
	return c
}

// strangers come to a domain, use it and go.
func strangers(t *testing.T, dir string) {
	t.Helper()
	sub, pub := obey(t, dir), obey(t, dir)
	sub.do("sub s t lossless")
	pub.do("pub p t")
	sub.order("take s 20")
	pub.do("send p 10 64")
	pub.do("send p 10 640")
	var got answer
	if sub.expect(&got); got.Err != "" || got.Received != 20 || got.Lost != 0 {
		t.Errorf("received %+v", got)
	}
	pub.finish()
	sub.finish()
}
