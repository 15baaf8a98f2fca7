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

// A siege is honest processes, and one hostile one after the other.
type siege struct {
	t      *testing.T
	dir    string
	domain string
	seed   uint64

	pairs    []pair // the last two have the exposed process as their one end
	exposed  *child
	besieged []besieged
	lives    int
	refused  int                       // newcomers, by a registry file that is spoiled
	current  atomic.Pointer[[2]*child] // the hostile one, and its visitor
	stuck    *time.Timer               // ends everybody, if no life ends for so long
}

// A pair exchanges samples.
type pair struct{ pub, sub *child }

// A besieged process is looked at.
type besieged struct {
	name   string
	child  *child
	before outside // before the first hostile process came
	most   outside
}

func newSiege(t *testing.T, seed uint64) *siege {
	dir := newDomain(t)
	s := &siege{t: t, dir: dir, domain: filepath.Join(dir, "d"), seed: seed}
	for i, args := range [][]string{{"-pause", "50us"}, {"-pause", "100us", "-grow"}} {
		name := "pair" + strconv.Itoa(i)
		sub := start(t, dir, "subscribe", "-topic", name, "-lossless", "-hold", "3").ready()
		pub := start(t, dir, "publish", append(args, "-topic", name, "-subscribers", "1")...).ready()
		s.pairs = append(s.pairs, pair{pub, sub})
	}
	s.exposed = start(t, dir, "exposed").ready()
	hold := strconv.Itoa(honestHold)
	sub := start(t, dir, "subscribe", "-topic", baitTopic, "-lossless", "-hold", hold).ready()
	pub := start(t, dir, "publish", "-topic", honestTopic, "-subscribers", "4", "-size", "2000", "-pause", "100us").ready()
	s.pairs = append(s.pairs, pair{s.exposed, sub}, pair{pub, s.exposed})
	for i, p := range s.pairs {
		if p.pub != s.exposed {
			s.besieged = append(s.besieged, besieged{name: "publisher " + strconv.Itoa(i), child: p.pub})
		}
		if p.sub != s.exposed {
			s.besieged = append(s.besieged, besieged{name: "subscriber " + strconv.Itoa(i), child: p.sub})
		}
	}
	s.besieged = append(s.besieged, besieged{name: "exposed", child: s.exposed})
	time.Sleep(500 * time.Millisecond) // until they have what they need
	for i := range s.besieged {
		s.besieged[i].before = s.besieged[i].child.seen()
	}
	return s
}

// siegeStuck is longer than any life takes, on whatever machine.
const siegeStuck = 2 * time.Minute

// quit makes everybody say where it is stuck.
func (s *siege) quit() {
	if two := s.current.Load(); two != nil {
		for _, c := range two {
			c.cmd.Process.Signal(syscall.SIGQUIT)
		}
	}
	for _, b := range s.besieged {
		b.child.cmd.Process.Signal(syscall.SIGQUIT)
	}
}

// live lets one more hostile process live for a while and returns how often it was named. A newcomer that came between the two shares
// its topics, and visits while it is there, and when it has been killed.
func (s *siege) live(a attack, long time.Duration) (named int) {
	s.t.Helper()
	s.lives++
	s.stuck.Reset(siegeStuck)
	if err := mend(s.domain); err != nil {
		s.t.Fatal(err)
	}
	h := start(s.t, s.dir, "hostile", "-attack", a.name, "-seed", strconv.FormatUint(s.seed+uint64(s.lives), 10))
	visitor := start(s.t, s.dir, "visitor")
	s.current.Store(&[2]*child{h, visitor})
	h.ready()
	visitor.ready()
	var id uint64
	h.expect(&id)
	visitor.tell(1)
	var wrong string
	visitor.expect(&wrong)
	h.tell(1)
	select {
	case <-h.ended():
	case <-time.After(long):
	}
	visitor.tell(1)
	visitor.expect(&wrong)
	if a.refused == "" {
		s.visit(a, visitor)
	}
	h.kill()
	s.visit(a, visitor)
	visitor.finish()
	for i := range s.besieged {
		s.look(&s.besieged[i])
	}
	s.exposed.tell(id)
	s.exposed.expect(&named)
	return named
}

// visit lets a newcomer visit, who may be refused only for what the attack says.
func (s *siege) visit(a attack, visitor *child) {
	s.t.Helper()
	visitor.tell(1)
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

// mostMore is how many KiB a besieged process may take beyond what it had at first. The race detector keeps several times as much
// again.
const mostMore = (16 << 10) + (slowdown-1)*(8<<10)

// settle looks at what the honest took at most, and waits until they have given back what hostile processes and newcomers were for.
func (s *siege) settle() {
	s.t.Helper()
	for i := range s.besieged {
		b := &s.besieged[i]
		is := s.look(b)
		for end := time.Now().Add(20 * time.Second); b.name != "exposed" && (is.Descriptors > b.before.Descriptors+8 || is.Maps > b.before.Maps+24); is = s.look(b) {
			if time.Now().After(end) {
				s.t.Errorf("%s: %+v at first, %+v in the end", b.name, b.before, is)
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		s.t.Logf("%-12s %+v at first, at most %+v, in the end %+v", b.name, b.before, b.most, is)
		if b.most.Descriptors > b.before.Descriptors+100 || b.most.Maps > b.before.Maps+150 || b.most.OwnKiB > b.before.OwnKiB+mostMore {
			s.t.Errorf("%s: %+v at first, at most %+v", b.name, b.before, b.most)
		}
	}
}

func (s *siege) look(b *besieged) outside {
	s.t.Helper()
	is := b.child.seen()
	b.most = b.most.most(is)
	return is
}

// end ends the honest and looks at what they have been through.
func (s *siege) end() {
	t := s.t
	published := make([]uint64, len(s.pairs))
	got := make([]tally, len(s.pairs))
	for i, p := range s.pairs {
		if p.pub != s.exposed {
			p.pub.in.Close()
			p.pub.expect(&published[i])
		}
	}
	last := len(s.pairs) - 1
	s.exposed.tell(0)
	s.exposed.tell(published[last])
	var e exposure
	s.exposed.expect(&e)
	published[last-1], got[last] = e.Published, e.Honest
	for i, p := range s.pairs {
		if p.sub != s.exposed {
			p.sub.tell(published[i])
			p.sub.expect(&got[i])
		}
	}
	for i := range s.pairs {
		if got[i].Received != published[i] || got[i].Lost != 0 || published[i] < 1000 {
			t.Errorf("pair %d: %d published, %d received, %d lost", i, published[i], got[i].Received, got[i].Lost)
		}
		t.Logf("pair %d: %d samples", i, published[i])
	}
	for _, b := range s.besieged {
		b.child.finish()
	}
	t.Logf("%d hostile processes, %d of them met; %d newcomers refused; %+v", s.lives, e.Lives, s.refused, e)
	e.check(t, s.lives)
}

func (e exposure) check(t *testing.T, lives int) {
	t.Helper()
	caught := 0
	for _, k := range []string{"ring entry", "slot of sequence", "in a slot of", "arena"} {
		caught += e.Kinds[k]
	}
	was, is := e.Before, e.After
	switch {
	case e.Named < lives/10 || len(e.Nameless) > 0:
		t.Errorf("%d processes of %d are named; nobody by %q", e.Named, lives, e.Nameless)
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

// ended returns a channel that is closed when the child says no more, which is when it has ended.
func (c *child) ended() <-chan struct{} {
	end := make(chan struct{})
	go func() {
		for c.lines.Scan() {
		}
		close(end)
	}()
	return end
}
