//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// stressVariable holds how often each of the visitors joins and leaves; a subscriber reconnects four times as often, and twice
// as many processes come that join once. Default is fewVisits.
const stressVariable = "SHMBUS_TEST_STORM"

const (
	flowCount   = 5
	flowReaders = 2 // of each flow, that stay
	visitors    = 100
	fewVisits   = 5

	manyTogether = 50 // visits of each of the visitors while all are there
)

// visits returns how often each visitor comes.
func visits(t *testing.T) int {
	t.Helper()
	text := os.Getenv(stressVariable)
	if text == "" {
		return max(fewVisits/slowdown, 1)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, must be how often each of %d processes joins and leaves", stressVariable, text, visitors)
	}
	return n
}

// stressHarness is the permanent processes. Each publishes a topic, receives the next process's topic and a visitors' topic losslessly,
// and receives the topic of the process after that with possible loss.
type stressHarness struct {
	t         testing.TB
	processes []*child
}

func newStressHarness(t testing.TB, dir string, pause time.Duration) *stressHarness {
	t.Helper()
	s := &stressHarness{t: t}
	for i := range flowCount {
		c := startAgent(t, dir)
		c.do("pub f %s", flowTopic(i))
		s.processes = append(s.processes, c)
	}
	for i, c := range s.processes {
		c.do("sub w %s lossless", flowTopic((i+1)%flowCount))
		c.do("sub l %s", flowTopic((i+2)%flowCount))
		c.do("sub g %s lossless", visitorTopic(i))
		c.do("watch w")
		c.do("watch l")
		c.do("watch g")
	}
	for _, c := range s.processes {
		c.do("peers f %d", flowReaders)
	}
	for _, c := range s.processes {
		c.do("flow f %v", pause)
	}
	return s
}

// stopAndCheck ends the flows and checks that all published samples were received; blown is the counts of the visitors' samples.
func (s *stressHarness) stopAndCheck(blown []uint64) {
	s.t.Helper()
	var sent [flowCount]uint64
	for i, c := range s.processes {
		sent[i] = c.do("ebb f").Received
	}
	lost := uint64(0)
	for i, c := range s.processes {
		s.checkReceived(c, "w", sent[(i+1)%flowCount], true)
		lost += s.checkReceived(c, "l", sent[(i+2)%flowCount], false)
		s.checkReceived(c, "g", blown[i], true)
	}
	s.t.Logf("lossless: %d samples flowed and %d came from visitors, on %d topics of either; those that stay and may lose lost %d", sent, blown, flowCount, lost)
	for _, c := range s.processes {
		c.finish()
	}
}

// checkReceived checks that a watch of a process that stays receives exactly so many samples, or at least counts what it lost.
func (s *stressHarness) checkReceived(c *child, watch string, n uint64, lossless bool) (lost uint64) {
	s.t.Helper()
	got := c.do("watched %s %d", watch, n)
	if got.Received+got.Lost != n || lossless && got.Lost != 0 {
		s.t.Errorf("%s: %d received and %d lost of %d", watch, got.Received, got.Lost, n)
	}
	return got.Lost
}

// figures returns the resources of the permanent processes and of the domain, once all visitors have left.
func (s *stressHarness) figures(dir string) (all []agentReply, files float64) {
	s.t.Helper()
	for _, c := range s.processes {
		c.do("others %d", flowCount)
		c.do("fewer f %d", flowReaders)
		c.do("forget")
		a := c.do("figures")
		a.RSSKiB = c.do("resident").RSSKiB
		all = append(all, a)
	}
	files, _ = contents(s.t, dir)
	return all, files
}

// checkResources checks that the permanent processes have the resources from before the visitors. Goroutines, memory and mappings of slots
// may be a few more, because the load was higher; TestNothingGrowsWhileOthersComeAndGo tests their growth.
func (s *stressHarness) checkResources(dir string, before []agentReply, filesBefore float64) {
	s.t.Helper()
	after, files := s.figures(dir)
	grew := func() bool {
		for i, b := range before {
			if after[i].FDs > b.FDs {
				return true
			}
		}
		return false
	}
	// A process that knows that the visitors left may still have to read their last samples.
	for begin := time.Now(); grew() && time.Since(begin) < waitLimit/4; {
		after, files = s.figures(dir)
	}
	s.t.Logf("%v files before, %v after", filesBefore, files)
	if files != filesBefore {
		s.t.Errorf("%v files, not %v", files, filesBefore)
	}
	for i, b := range before {
		a := after[i]
		s.t.Logf("stays %d: descriptors %d, %d; mappings %d, %d; goroutines %d, %d; threads %d, %d; objects on the heap %d, %d; KiB resident %d, %d", i,
			b.FDs, a.FDs, b.Maps, a.Maps, b.Goroutines, a.Goroutines, b.Threads, a.Threads, b.Objects, a.Objects, b.RSSKiB, a.RSSKiB)
		if a.FDs > b.FDs {
			s.t.Errorf("stays %d: %d descriptors, not %d", i, a.FDs, b.FDs)
		}
	}
}

// runVisitors lets visitors join and leave so many times each, while others come that join once, and adds to blown what all published.
func runVisitors(t *testing.T, dir string, crowd []*child, each int, blown []uint64) {
	t.Helper()
	begin := time.Now()
	for i, c := range crowd {
		c.send("visit %d %d", each, i)
	}
	newcomers := 2 * each * len(crowd) / visitors
	for i := range newcomers {
		c := start(t, dir, "agent")
		addCounts(blown, c.do("visit 1 %d", i).Each)
		c.finish()
	}
	once := time.Since(begin)
	for _, c := range crowd {
		var a agentReply
		if c.expect(&a); a.Err != "" {
			t.Fatal(a.Err)
		}
		addCounts(blown, a.Each)
	}
	took := time.Since(begin)
	t.Logf("%d processes joined, met and left %d times each in %v, and %d once each in the first %v of it: %.0f joins a second",
		len(crowd), each, took.Round(time.Millisecond), newcomers, once.Round(time.Millisecond), float64(len(crowd)*each+newcomers)/took.Seconds())
}

// addCounts adds what one visitor published to what all did.
func addCounts(blown, each []uint64) {
	for i, n := range each {
		blown[i] += n
	}
}

func TestAHundredProcessesJoinAndLeaveWhileTopicsFlow(t *testing.T) {
	each := visits(t)
	dir := newDomain(t)
	s := newStressHarness(t, dir, 2*time.Millisecond)
	before, files := s.figures(dir)
	var crowd []*child
	for range visitors {
		c := start(t, dir, "agent")
		c.do("forget") // it is there
		crowd = append(crowd, c)
	}
	// As each looks at each, a join takes as long as there are others. All are there at once, then a quarter of them.
	together := min(each, manyTogether)
	blown := make([]uint64, flowCount)
	runVisitors(t, dir, crowd, together, blown)
	if each > together {
		for part := range slices.Chunk(crowd, visitors/4) {
			runVisitors(t, dir, part, each-together, blown)
		}
	}
	s.checkResources(dir, before, files)
	s.stopAndCheck(blown)
	for _, c := range crowd {
		c.finish()
	}
}

func TestFiftySubscribersReconnect(t *testing.T) {
	const subscribers = 50
	times := 4 * visits(t)
	dir := newDomain(t)
	s := newStressHarness(t, dir, time.Millisecond)
	var crowd []*child
	for range subscribers {
		crowd = append(crowd, startAgent(t, dir))
	}
	begin := time.Now()
	for _, c := range crowd {
		c.send("reconnect %s %d", flowTopic(0), times)
	}
	var received, lost uint64
	for _, c := range crowd {
		var a agentReply
		if c.expect(&a); a.Err != "" {
			t.Fatal(a.Err)
		}
		received += a.Received
		lost += a.Lost
	}
	took := time.Since(begin)
	t.Logf("%d subscribers connected %d times each in %v, %.0f a second: %d samples received, %d lost by those that may lose", subscribers, times, took, float64(subscribers*times)/took.Seconds(), received, lost)
	s.processes[0].do("fewer f %d", flowReaders)
	for _, c := range crowd {
		c.finish()
	}
	s.stopAndCheck(make([]uint64, flowCount))
}

// Each publisher publishes one sample, which each subscriber must have before the next publisher is made: by the same process that
// joins again, or by a new one after the last closed or was killed.
func TestEverySubscriberFindsTheNextPublisher(t *testing.T) {
	closed, killed := 100, 200
	if os.Getenv(stressVariable) != "" {
		closed, killed = 1000, 1000
	}
	t.Run("leave", func(t *testing.T) { restart(t, 1000/slowdown, true, func(c *child) { c.do("leave") }) })
	t.Run("close", func(t *testing.T) { restart(t, closed/slowdown, false, (*child).finish) })
	t.Run("kill", func(t *testing.T) { restart(t, killed/slowdown, false, (*child).kill) })
}

// restart makes a publisher so many times, in the same process or in a new one.
func restart(t *testing.T, times int, same bool, end func(*child)) {
	dir := newDomain(t)
	subs := []*child{startAgent(t, dir), startAgent(t, dir), startAgent(t, dir), startAgent(t, dir)}
	for i, what := range []string{"again", "again lossless", "*", "** lossless"} {
		subs[i].do("sub s %s", what)
	}
	var found, met []time.Duration // since its process was started, since it began to join
	var pub *child
	for i := range times {
		for _, s := range subs {
			s.send("take s 1")
		}
		began := monotonic()
		if i == 0 || !same {
			pub = start(t, dir, "agent")
		}
		joined := pub.do("join").At
		pub.do("pub p again")
		pub.do("peers p %d", len(subs))
		pub.do("send p 1 8")
		for _, s := range subs {
			var got agentReply
			if s.expect(&got); got.Err != "" || got.Received != 1 || got.Lost != 0 {
				t.Fatalf("of publisher %d: %+v", i, got)
			}
			if !same {
				found = append(found, time.Duration(got.At-began))
			}
			met = append(met, time.Duration(got.At-joined))
		}
		end(pub)
	}
	t.Logf("%d of %d publishers were found by each of %d subscribers: first sample after joining p50 %v p99 %v",
		len(met)/len(subs), times, len(subs), quantile(met, 50), quantile(met, 99))
	if !same {
		t.Logf("after the start of the process p50 %v p99 %v", quantile(found, 50), quantile(found, 99))
	}
	if same {
		pub.finish()
	}
	for _, s := range subs {
		s.do("others %d", len(subs))
	}
	for _, s := range subs {
		s.finish()
	}
}

func quantile(of []time.Duration, percent int) time.Duration {
	slices.Sort(of)
	return of[min(len(of)*percent/100, len(of)-1)].Round(10 * time.Microsecond)
}

// contents counts the files of the domain and the memory that they take.
func contents(t testing.TB, dir string) (files, kib float64) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "d"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		files++
		kib += float64(info.Sys().(*syscall.Stat_t).Blocks) / 2
	}
	return files, kib
}
