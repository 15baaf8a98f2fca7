//go:build linux

package integration

import (
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// An adversaryHarness is a domain of well-behaved processes, the targets, with one adversary after the other.
type adversaryHarness struct {
	t      *testing.T
	dir    string
	domain string
	seed   uint64

	pairs    []pair // the last two have the exposed process as their one end
	peer     *child
	observed []observedProcess
	runs     int
	refused  int                       // joiners, because of a corrupt registry file
	current  atomic.Pointer[[2]*child] // the adversary and its joiner
	stuck    *time.Timer               // dumps the stacks of all processes after runTimeout without the end of a run
}

// A pair exchanges samples.
type pair struct{ pub, sub *child }

// A observedProcess process is looked at.
type observedProcess struct {
	name   string
	child  *child
	before procStat // before the first adversary joined
	most   procStat
}

func newAdversaryHarness(t *testing.T, seed uint64) *adversaryHarness {
	dir := newDomain(t)
	s := &adversaryHarness{t: t, dir: dir, domain: filepath.Join(dir, "d"), seed: seed}
	for i, args := range [][]string{{"-pause", "50us"}, {"-pause", "100us", "-grow"}} {
		name := "pair" + strconv.Itoa(i)
		sub := start(t, dir, "subscribe", "-topic", name, "-lossless", "-hold", "3").ready()
		pub := start(t, dir, "publish", append(args, "-topic", name, "-subscribers", "1")...).ready()
		s.pairs = append(s.pairs, pair{pub, sub})
	}
	s.peer = start(t, dir, "adversary-peer").ready()
	hold := strconv.Itoa(targetHold)
	sub := start(t, dir, "subscribe", "-topic", peerTopic, "-lossless", "-hold", hold).ready()
	pub := start(t, dir, "publish", "-topic", targetTopic, "-subscribers", "4", "-size", "2000", "-pause", "100us").ready()
	s.pairs = append(s.pairs, pair{s.peer, sub}, pair{pub, s.peer})
	for i, p := range s.pairs {
		if p.pub != s.peer {
			s.observed = append(s.observed, observedProcess{name: "publisher " + strconv.Itoa(i), child: p.pub})
		}
		if p.sub != s.peer {
			s.observed = append(s.observed, observedProcess{name: "subscriber " + strconv.Itoa(i), child: p.sub})
		}
	}
	s.observed = append(s.observed, observedProcess{name: "exposed", child: s.peer})
	time.Sleep(500 * time.Millisecond) // until they have what they need
	for i := range s.observed {
		s.observed[i].before = s.observed[i].child.procStat()
	}
	return s
}

// runTimeout is longer than one run takes on any machine.
const runTimeout = 2 * time.Minute

// dumpStacks has all processes print their stacks and end.
func (s *adversaryHarness) dumpStacks() {
	if two := s.current.Load(); two != nil {
		for _, c := range two {
			c.cmd.Process.Signal(syscall.SIGQUIT)
		}
	}
	for _, b := range s.observed {
		b.child.cmd.Process.Signal(syscall.SIGQUIT)
	}
}

// runAdversary runs one more adversary for a while and returns how often it was named. A joiner shares topics with the adversary, and
// joins again while the adversary runs and after it was killed.
func (s *adversaryHarness) runAdversary(a attack, long time.Duration) (named int) {
	s.t.Helper()
	s.runs++
	s.stuck.Reset(runTimeout)
	if err := resetDomain(s.domain); err != nil {
		s.t.Fatal(err)
	}
	h := start(s.t, s.dir, "adversary", "-attack", a.name, "-seed", strconv.FormatUint(s.seed+uint64(s.runs), 10))
	visitor := start(s.t, s.dir, "joiner")
	s.current.Store(&[2]*child{h, visitor})
	h.ready()
	visitor.ready()
	var id uint64
	h.expect(&id)
	visitor.sendNumber(1)
	var wrong string
	visitor.expect(&wrong)
	h.sendNumber(1)
	select {
	case <-h.ended():
	case <-time.After(long):
	}
	visitor.sendNumber(1)
	visitor.expect(&wrong)
	if a.refused == "" {
		s.checkJoiner(a, visitor)
	}
	h.kill()
	s.checkJoiner(a, visitor)
	visitor.finish()
	for i := range s.observed {
		s.observe(&s.observed[i])
	}
	s.peer.sendNumber(id)
	s.peer.expect(&named)
	return named
}

// checkJoiner has the joiner join once more. Only the reason that the attack names may refuse the joiner.
func (s *adversaryHarness) checkJoiner(a attack, visitor *child) {
	s.t.Helper()
	visitor.sendNumber(1)
	var wrong string
	visitor.expect(&wrong)
	switch {
	case wrong == "":
	case a.refused != "" && strings.Contains(wrong, s.domain+"/registry"):
		s.refused++
	default:
		s.t.Errorf("%s: a newcomer: %s", a.name, wrong)
	}
}

// maxGrowthKiB is how many KiB an observed process may take beyond its memory at first. The race detector keeps several times as much
// again.
const maxGrowthKiB = (16 << 10) + (slowdown-1)*(8<<10)

// settle checks the most that the observed processes took, and waits until they have released the resources for adversaries and
// joiners.
func (s *adversaryHarness) settle() {
	s.t.Helper()
	for i := range s.observed {
		b := &s.observed[i]
		is := s.observe(b)
		for end := time.Now().Add(20 * time.Second); b.name != "exposed" && (is.Descriptors > b.before.Descriptors+8 || is.Maps > b.before.Maps+24); is = s.observe(b) {
			if time.Now().After(end) {
				s.t.Errorf("%s: %+v at first, %+v in the end", b.name, b.before, is)
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		s.t.Logf("%-12s %+v at first, at most %+v, in the end %+v", b.name, b.before, b.most, is)
		if b.most.Descriptors > b.before.Descriptors+100 || b.most.Maps > b.before.Maps+150 || b.most.OwnKiB > b.before.OwnKiB+maxGrowthKiB {
			s.t.Errorf("%s: %+v at first, at most %+v", b.name, b.before, b.most)
		}
	}
}

func (s *adversaryHarness) observe(b *observedProcess) procStat {
	s.t.Helper()
	is := b.child.procStat()
	b.most = b.most.max(is)
	return is
}

// end ends the observed processes and checks their reports.
func (s *adversaryHarness) end() {
	t := s.t
	published := make([]uint64, len(s.pairs))
	got := make([]tally, len(s.pairs))
	for i, p := range s.pairs {
		if p.pub != s.peer {
			p.pub.in.Close()
			p.pub.expect(&published[i])
		}
	}
	last := len(s.pairs) - 1
	s.peer.sendNumber(0)
	s.peer.sendNumber(published[last])
	var e peerReport
	s.peer.expect(&e)
	published[last-1], got[last] = e.Published, e.Target
	for i, p := range s.pairs {
		if p.sub != s.peer {
			p.sub.sendNumber(published[i])
			p.sub.expect(&got[i])
		}
	}
	for i := range s.pairs {
		if got[i].Received != published[i] || got[i].Lost != 0 || published[i] < 1000 {
			t.Errorf("pair %d: %d published, %d received, %d lost", i, published[i], got[i].Received, got[i].Lost)
		}
		t.Logf("pair %d: %d samples", i, published[i])
	}
	for _, b := range s.observed {
		b.child.finish()
	}
	t.Logf("%d hostile processes, %d of them met; %d newcomers refused; %+v", s.runs, e.Adversaries, s.refused, e)
	e.check(t, s.runs)
}

func (e peerReport) check(t *testing.T, lives int) {
	t.Helper()
	caught := 0
	for _, k := range []string{"ring entry", "slot of sequence", "in a slot of", "arena"} {
		caught += e.Kinds[k]
	}
	was, is := e.Before, e.After
	switch {
	case e.Named < lives/10 || len(e.Unattributed) > 0:
		t.Errorf("%d processes of %d are named; nobody by %q", e.Named, lives, e.Unattributed)
	case cutsSurvived && e.Kinds["cut the file short"] == 0 || caught == 0:
		t.Error("nobody was caught cutting a file short, or lying in a ring")
	case e.Received == 0:
		t.Error("the exposed process did nothing")
	case e.MostSysMiB > 100:
		t.Errorf("the exposed process took %d MiB", e.MostSysMiB)
	case is.Goroutines > was.Goroutines+8 || is.Descriptors > was.Descriptors+8 || is.Maps > was.Maps+24 || is.HeapKiB > was.HeapKiB+4096:
		t.Errorf("the exposed process has %+v in the end, and had %+v", is, was)
	}
}

// ended returns a channel that is closed when the child's output ends, which is when the child has ended.
func (c *child) ended() <-chan struct{} {
	end := make(chan struct{})
	go func() {
		for c.lines.Scan() {
		}
		close(end)
	}()
	return end
}
