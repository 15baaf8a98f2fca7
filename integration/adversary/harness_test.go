//go:build linux

package adversary

import (
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

// An adversaryHarness is a domain of well-behaved processes, the targets, with one adversary after the other.
type adversaryHarness struct {
	t      *testing.T
	dir    string
	domain string
	seed   uint64

	pairs    []pair // the last two have the exposed process as their one end
	peer     *harness.Child
	observed []observedProcess
	runs     int
	refused  int                               // joiners, because of a corrupt registry file
	current  atomic.Pointer[[2]*harness.Child] // the adversary and its joiner
	stuck    *time.Timer                       // dumps the stacks of all processes after runTimeout without the end of a run
}

// A pair exchanges samples.
type pair struct{ pub, sub *harness.Child }

// An observedProcess is a process whose resources are measured.
type observedProcess struct {
	name   string
	child  *harness.Child
	before harness.ProcStat // before the first adversary joined
	most   harness.ProcStat
}

func newAdversaryHarness(t *testing.T, seed uint64) *adversaryHarness {
	dir := harness.NewDomain(t)
	s := &adversaryHarness{t: t, dir: dir, domain: filepath.Join(dir, "d"), seed: seed}
	for i, r := range []harness.Publish{{Pause: 50 * time.Microsecond}, {Pause: 100 * time.Microsecond, Grow: true}} {
		r.Topic, r.Subscribers = "pair"+strconv.Itoa(i), 1
		sub := harness.StartSubscriber(t, dir, harness.Subscribe{Topic: r.Topic, Lossless: true, Hold: 3}).Ready()
		pub := harness.StartPublisher(t, dir, r).Ready()
		s.pairs = append(s.pairs, pair{pub.Child, sub.Child})
	}
	s.peer = harness.Start(t, dir, peerRequest{}).Ready()
	sub := harness.StartSubscriber(t, dir, harness.Subscribe{Topic: peerTopic, Lossless: true, Hold: targetHold}).Ready()
	pub := harness.StartPublisher(t, dir, harness.Publish{Topic: targetTopic, Subscribers: 4, Size: 2000, Pause: 100 * time.Microsecond}).Ready()
	s.pairs = append(s.pairs, pair{s.peer, sub.Child}, pair{pub.Child, s.peer})
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
		s.observed[i].before = s.observed[i].child.ProcStat()
	}
	return s
}

// runTimeout is longer than one run takes on any machine.
const runTimeout = 2 * time.Minute

// dumpStacks has all processes print their stacks and end.
func (s *adversaryHarness) dumpStacks() {
	if two := s.current.Load(); two != nil {
		for _, c := range two {
			c.Quit()
		}
	}
	for _, b := range s.observed {
		b.child.Quit()
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
	h := harness.Start(s.t, s.dir, adversaryRequest{Attack: a.name, Seed: s.seed + uint64(s.runs)})
	visitor := harness.Start(s.t, s.dir, joinerRequest{})
	s.current.Store(&[2]*harness.Child{h, visitor})
	var id uint64
	h.Expect(&id)
	harness.Do(visitor, startSharing{})
	h.Send(beginAttack{})
	select {
	case <-h.Ended():
	case <-time.After(long):
	}
	harness.Do(visitor, stopSharing{})
	if a.refused == "" {
		s.checkJoiner(a, visitor)
	}
	h.Kill()
	s.checkJoiner(a, visitor)
	visitor.Finish()
	for i := range s.observed {
		s.observe(&s.observed[i])
	}
	return harness.Do(s.peer, timesNamed{id})
}

// checkJoiner has the joiner join once more. Only the reason that the attack names may refuse the joiner.
func (s *adversaryHarness) checkJoiner(a attack, visitor *harness.Child) {
	s.t.Helper()
	_, f := harness.Try(visitor, joinDomain{})
	switch {
	case f == nil:
	case a.refused != "" && strings.Contains(f.Text, s.domain+"/registry"):
		s.refused++
	default:
		s.t.Errorf("%s: a joiner: %s", a.name, f.Text)
	}
}

// maxGrowthKiB is how many KiB an observed process may take beyond its memory at first. The race detector keeps several times as much
// again.
const maxGrowthKiB = (16 << 10) + (harness.Slowdown-1)*(8<<10)

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

func (s *adversaryHarness) observe(b *observedProcess) harness.ProcStat {
	s.t.Helper()
	is := b.child.ProcStat()
	b.most = b.most.Max(is)
	return is
}

// end ends the observed processes and checks their reports.
func (s *adversaryHarness) end() {
	t := s.t
	published := make([]uint64, len(s.pairs))
	got := make([]harness.Report, len(s.pairs))
	for i, p := range s.pairs {
		if p.pub != s.peer {
			published[i] = harness.Publisher{Child: p.pub}.End()
		}
	}
	last := len(s.pairs) - 1
	e := harness.Do(s.peer, finishPeer{published[last]})
	published[last-1], got[last] = e.Published, e.Target
	for i, p := range s.pairs {
		if p.sub != s.peer {
			got[i] = harness.Subscriber{Child: p.sub}.EndAfter(published[i])
		}
	}
	for i := range s.pairs {
		if got[i].Received != published[i] || got[i].Lost != 0 || published[i] < 1000 {
			t.Errorf("pair %d: %d published, %d received, %d lost", i, published[i], got[i].Received, got[i].Lost)
		}
		t.Logf("pair %d: %d samples", i, published[i])
	}
	for _, b := range s.observed {
		b.child.Finish()
	}
	t.Logf("%d hostile processes, %d of them met; %d joiners refused; %+v", s.runs, e.Adversaries, s.refused, e)
	e.check(t, s.runs)
}

func (e peerReport) check(t *testing.T, runs int) {
	t.Helper()
	caught := 0
	for _, k := range []string{"ring entry", "slot of sequence", "in a slot of", "arena"} {
		caught += e.Kinds[k]
	}
	was, is := e.Before, e.After
	switch {
	case e.Named < runs/10 || len(e.Unattributed) > 0:
		t.Errorf("%d processes of %d are named; no process by %q", e.Named, runs, e.Unattributed)
	case harness.SurvivesTruncation && e.Kinds["cut the file short"] == 0 || caught == 0:
		t.Error("no process was caught cutting a file short, or with a false ring")
	case e.Received == 0:
		t.Error("the exposed process did nothing")
	case e.MostSysMiB > 100:
		t.Errorf("the exposed process took %d MiB", e.MostSysMiB)
	case is.Goroutines > was.Goroutines+8 || is.Descriptors > was.Descriptors+8 || is.Maps > was.Maps+24 || is.HeapKiB > was.HeapKiB+4096:
		t.Errorf("the exposed process has %+v in the end, and had %+v", is, was)
	}
}
