//go:build linux

package churn

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/clock"
)

// stressVariable holds how often each of the visitors joins and leaves; a subscriber reconnects four times as often, and twice
// as many processes come that join once. Default is fewVisits.
const stressVariable = "SHMBUS_TEST_STRESS"

const (
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
		return max(fewVisits/harness.Slowdown, 1)
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
	processes []agent.Agent
}

func newStressHarness(t testing.TB, dir string, pause time.Duration) *stressHarness {
	t.Helper()
	s := &stressHarness{t: t}
	for i := range agent.FlowTopics {
		c := agent.Start(t, dir)
		c.Advertise("f", agent.FlowTopic(i))
		s.processes = append(s.processes, c)
	}
	for i, c := range s.processes {
		c.SubscribeLossless("w", agent.FlowTopic((i+1)%agent.FlowTopics))
		c.Subscribe("l", agent.FlowTopic((i+2)%agent.FlowTopics))
		c.SubscribeLossless("g", agent.VisitorTopic(i))
		harness.Do(c.Child, agent.StartReader{Subscriber: "w"})
		harness.Do(c.Child, agent.StartReader{Subscriber: "l"})
		harness.Do(c.Child, agent.StartReader{Subscriber: "g"})
	}
	for _, c := range s.processes {
		c.WaitPeers("f", flowReaders)
	}
	for _, c := range s.processes {
		harness.Do(c.Child, agent.StartFlow{Publisher: "f", Interval: pause})
	}
	return s
}

// stopAndCheck ends the flows and checks that all published samples were received; blown is the counts of the visitors' samples.
func (s *stressHarness) stopAndCheck(blown []uint64) {
	s.t.Helper()
	var sent [agent.FlowTopics]uint64
	for i, c := range s.processes {
		sent[i] = harness.Do(c.Child, agent.StopFlow{Publisher: "f"})
	}
	lost := uint64(0)
	for i, c := range s.processes {
		s.checkReceived(c, "w", sent[(i+1)%agent.FlowTopics], true)
		lost += s.checkReceived(c, "l", sent[(i+2)%agent.FlowTopics], false)
		s.checkReceived(c, "g", blown[i], true)
	}
	s.t.Logf("lossless: %d samples flowed and %d came from visitors, on %d topics of either; those that stay and may lose lost %d", sent, blown, agent.FlowTopics, lost)
	agent.Finish(s.processes...)
}

// checkReceived checks that a watch of a process that stays receives exactly so many samples, or at least counts what it lost.
func (s *stressHarness) checkReceived(c agent.Agent, watch string, n uint64, lossless bool) (lost uint64) {
	s.t.Helper()
	got := harness.Do(c.Child, agent.WaitReader{Subscriber: watch, N: n})
	if got.Received+got.Lost != n || lossless && got.Lost != 0 {
		s.t.Errorf("%s: %d received and %d lost of %d", watch, got.Received, got.Lost, n)
	}
	return got.Lost
}

// A processSize is what a process has, with its memory.
type processSize struct {
	agent.Resources
	RSSKiB uint64
}

func sizeOf(c agent.Agent) processSize {
	c.T.Helper()
	return processSize{c.MeasureResources(), harness.Do(c.Child, agent.MeasureResident{})}
}

// figures returns the resources of the permanent processes and of the domain, once all visitors have left.
func (s *stressHarness) figures(dir string) (all []processSize, files float64) {
	s.t.Helper()
	for _, c := range s.processes {
		c.WaitParticipants(agent.FlowTopics)
		c.WaitReadersAtMost("f", flowReaders)
		c.ForgetEvents()
		all = append(all, sizeOf(c))
	}
	files, _ = contents(s.t, dir)
	return all, files
}

// checkResources checks that the permanent processes have the resources from before the visitors. Goroutines, memory and mappings of slots
// may be a few more, because the load was higher; TestSoak_NothingGrows tests their growth.
func (s *stressHarness) checkResources(dir string, before []processSize, filesBefore float64) {
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
	for begin := time.Now(); grew() && time.Since(begin) < harness.WaitLimit/4; {
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
func runVisitors(t *testing.T, dir string, agents []agent.Agent, each int, blown []uint64) {
	t.Helper()
	begin := time.Now()
	var visits []*harness.Pending[[]uint64]
	for i, c := range agents {
		visits = append(visits, harness.Go(c.Child, agent.Visit{N: each, First: i}))
	}
	newcomers := 2 * each * len(agents) / visitors
	for i := range newcomers {
		c := agent.New(t, dir)
		addCounts(blown, harness.Do(c.Child, agent.Visit{N: 1, First: i}))
		c.Finish()
	}
	once := time.Since(begin)
	for _, v := range visits {
		addCounts(blown, v.Wait())
	}
	took := time.Since(begin)
	t.Logf("%d processes joined, met and left %d times each in %v, and %d once each in the first %v of it: %.0f joins a second",
		len(agents), each, took.Round(time.Millisecond), newcomers, once.Round(time.Millisecond), float64(len(agents)*each+newcomers)/took.Seconds())
}

// addCounts adds what one visitor published to what all did.
func addCounts(blown, each []uint64) {
	for i, n := range each {
		blown[i] += n
	}
}

func TestChurn_HundredProcessesBesideFlows(t *testing.T) {
	each := visits(t)
	dir := harness.NewDomain(t)
	s := newStressHarness(t, dir, 2*time.Millisecond)
	before, files := s.figures(dir)
	var agents []agent.Agent
	for range visitors {
		c := agent.New(t, dir)
		c.ForgetEvents() // it is there
		agents = append(agents, c)
	}
	// As each looks at each, a join takes as long as there are others. All are there at once, then a quarter of them.
	together := min(each, manyTogether)
	blown := make([]uint64, agent.FlowTopics)
	runVisitors(t, dir, agents, together, blown)
	if each > together {
		for part := range slices.Chunk(agents, visitors/4) {
			runVisitors(t, dir, part, each-together, blown)
		}
	}
	s.checkResources(dir, before, files)
	s.stopAndCheck(blown)
	agent.Finish(agents...)
}

func TestChurn_FiftySubscribersReconnect(t *testing.T) {
	const subscribers = 50
	times := 4 * visits(t)
	dir := harness.NewDomain(t)
	s := newStressHarness(t, dir, time.Millisecond)
	var agents []agent.Agent
	for range subscribers {
		agents = append(agents, agent.Start(t, dir))
	}
	begin := time.Now()
	var connections []*harness.Pending[agent.Received]
	for _, c := range agents {
		connections = append(connections, harness.Go(c.Child, agent.Reconnect{Topic: agent.FlowTopic(0), N: times}))
	}
	var received, lost uint64
	for _, c := range connections {
		got := c.Wait()
		received += got.Received
		lost += got.Lost
	}
	took := time.Since(begin)
	t.Logf("%d subscribers connected %d times each in %v, %.0f a second: %d samples received, %d lost by those that may lose", subscribers, times, took, float64(subscribers*times)/took.Seconds(), received, lost)
	s.processes[0].WaitReadersAtMost("f", flowReaders)
	agent.Finish(agents...)
	s.stopAndCheck(make([]uint64, agent.FlowTopics))
}

// Each publisher publishes one sample, which each subscriber must have before the next publisher is made: by the same process that
// joins again, or by a new one after the last closed or was killed.
func TestChurn_EverySubscriberFindsTheNextPublisher(t *testing.T) {
	closed, killed := 100, 200
	if os.Getenv(stressVariable) != "" {
		closed, killed = 1000, 1000
	}
	t.Run("leave", func(t *testing.T) { restart(t, 1000/harness.Slowdown, true, agent.Agent.Leave) })
	t.Run("close", func(t *testing.T) { restart(t, closed/harness.Slowdown, false, func(c agent.Agent) { c.Finish() }) })
	t.Run("kill", func(t *testing.T) { restart(t, killed/harness.Slowdown, false, func(c agent.Agent) { c.Kill() }) })
}

// restart makes a publisher so many times, in the same process or in a new one.
func restart(t *testing.T, times int, same bool, end func(agent.Agent)) {
	dir := harness.NewDomain(t)
	subs := []agent.Agent{agent.Start(t, dir), agent.Start(t, dir), agent.Start(t, dir), agent.Start(t, dir)}
	for i, call := range []agent.Subscribe{
		{Name: "s", Pattern: "again"}, {Name: "s", Pattern: "again", Lossless: true}, {Name: "s", Pattern: "*"}, {Name: "s", Pattern: "**", Lossless: true},
	} {
		harness.Do(subs[i].Child, call)
	}
	var found, met []time.Duration // since its process was started, since it began to join
	var pub agent.Agent
	for i := range times {
		var taken []*harness.Pending[agent.Received]
		for _, s := range subs {
			taken = append(taken, s.GoTake("s", 1))
		}
		began := clock.New().Now()
		if i == 0 || !same {
			pub = agent.New(t, dir)
		}
		joined := pub.Join().Began
		pub.Advertise("p", "again")
		pub.WaitPeers("p", len(subs))
		pub.Send("p", 1, 8)
		for _, p := range taken {
			got := p.Wait()
			if got.Received != 1 || got.Lost != 0 {
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
		pub.Finish()
	}
	for _, s := range subs {
		s.WaitParticipants(len(subs))
	}
	agent.Finish(subs...)
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
