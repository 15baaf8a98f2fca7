//go:build linux && !race

// Without the race detector, which keeps memory for whatever there was.

package churn

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

// soakVariable holds how long the soak lasts, as "10m"; default is soakCycles of it.
const soakVariable = "SHMBUS_TEST_SOAK"

const (
	soakWarmUp = 5                       // cycles that are not judged, with three times as much as the others
	soakCycles = 20                      // cycles that are, at least
	soakPeriod = 1200 * time.Millisecond // the whole half a minute
	longPeriod = 2400 * time.Millisecond // with time for what is done unasked, once a second

	// What happens in each cycle. Of nothing there is less than soakRarest, in no process that is measured.
	soakVisitors   = 2
	soakVisits     = 30 // of each, by turns one of three kinds
	soakReconnects = 10
	soakKills      = 10
	soakRarest     = 10
)

func soakTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(soakVariable)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.Fatalf("%s is %q, must be how long the soak lasts, as 10m", soakVariable, text)
	}
	return d
}

// A gauge is what is measured once in each cycle.
type gauge struct {
	name string
	// least is by how much the smallest leak that it can see makes it grow. 0 is for things that are counted and that do not come and
	// go by chance.
	least float64
	of    func(processSize) float64
}

// The heap is measured in objects, after a collection. Memory is measured in pages: a mapping that is never unmapped, or a stack,
// leaves at least one, and a file has pages for the most that there ever was at once. How many goroutines sleep for a process changes with how busy its subscriptions are.
// The Go runtime ends no thread, and makes one more when by chance more than ever are in system calls at once.
var gauges = []gauge{
	{"descriptors", 0, func(a processSize) float64 { return float64(a.FDs) }},
	{"mappings", 0, func(a processSize) float64 { return float64(a.Maps) }},
	{"goroutines", 1, func(a processSize) float64 { return float64(a.Goroutines) }},
	{"threads", 1, func(a processSize) float64 { return float64(a.Threads) }},
	{"objects on the heap", 1, func(a processSize) float64 { return float64(a.Objects) }},
	{"KiB resident", 4, func(a processSize) float64 { return float64(a.RSSKiB) }},
}

// growth is by how much a series grows in a step: the median of all pairs of values of it, which no outlier moves.
func growth(series []float64) float64 {
	var slopes []float64
	for i := range series {
		for j := range i {
			slopes = append(slopes, (series[i]-series[j])/float64(i-j))
		}
	}
	return median(slopes)
}

func median(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// A series is one gauge of one process or of the domain.
type series struct {
	whose  string
	gauge  gauge
	values []float64
}

// ends are its first and its last third.
func (s series) ends() (first, last []float64) {
	third := max(len(s.values)/3, 1)
	return s.values[:third], s.values[len(s.values)-third:]
}

// grows reports whether there is a leak: what is counted is in all of the last third more than the median of the first, or the rest
// grows in a cycle, in either half, by more than three quarters of what so many of the smallest leaks make. In one half it may: the
// runtime keeps the most goroutines that it ever had at once.
func (s series) grows(leaks float64) bool {
	if s.gauge.least > 0 {
		half := len(s.values) / 2
		return min(growth(s.values[:half]), growth(s.values[half:])) > s.gauge.least*leaks*3/4
	}
	first, last := s.ends()
	return slices.Min(last) > median(first)
}

func (s series) check(t *testing.T, leaks float64) {
	t.Helper()
	first, last := s.ends()
	t.Logf("%-12s %-20s %8.0f at first, %8.0f at last, %+.3f in a cycle", s.whose, s.gauge.name, median(first), median(last), growth(s.values))
	if s.grows(leaks) {
		t.Errorf("%s: %s grow: %v", s.whose, s.gauge.name, s.values)
	}
}

func TestSoak_TellsLeakFromChance(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for _, g := range gauges {
		for _, long := range []bool{false, true} {
			cycles, leaks := soakCycles, float64(soakRarest)
			if long {
				cycles, leaks = 200, 1
			}
			flat, leaky, filled := series{gauge: g}, series{gauge: g}, series{gauge: g}
			for i := range cycles {
				noise := 0.0
				if chance.IntN(5) == 0 {
					noise = 3 * max(g.least, 1) * chance.Float64()
				}
				flat.values = append(flat.values, 1000+noise)
				leaky.values = append(leaky.values, 1000+noise+float64(i)*max(g.least, 1)*leaks)
			}
			for i := range cycles { // more than the leak makes, within a seventh of the time, once
				filled.values = append(filled.values, flat.values[i]+min(max(float64(i-cycles/3), 0), float64(cycles/7))*7*max(g.least, 1)*leaks)
			}
			if g.least > 0 && filled.grows(leaks) {
				t.Errorf("%s: what fills up is growth: %v", g.name, filled.values)
			}
			if flat.grows(leaks) {
				t.Errorf("%s: chance is growth: %v", g.name, flat.values)
			}
			if !leaky.grows(leaks) {
				t.Errorf("%s: a leak is not growth: %v", g.name, leaky.values)
			}
		}
	}
}

func TestSoak_NothingGrows(t *testing.T) {
	lasts := soakTime(t)
	warmUp, leaks, period := soakWarmUp, float64(soakRarest), soakPeriod
	if lasts > 0 {
		warmUp, leaks, period = 12*soakWarmUp, 1, longPeriod // of so many cycles one leak in each is enough to tell
	}
	w := newGrowthHarness(t)
	pace := time.NewTicker(period)
	defer pace.Stop()
	begin := time.Now()
	cycles := 0
	for ; cycles < warmUp+soakCycles || time.Since(begin) < lasts; cycles++ {
		<-pace.C
		more := 1
		if cycles < soakWarmUp {
			more = 3
		}
		w.churn(more)
		w.settle()
		w.measure(cycles >= warmUp)
	}
	t.Logf("%d cycles in %v, each of %d participants that visit, %d connections, %d processes that are killed; the first %d are not judged",
		cycles, time.Since(begin).Round(time.Second), soakVisitors*soakVisits, soakReconnects, soakKills, warmUp)
	for _, s := range w.all {
		s.check(t, leaks)
	}
	w.stress.stopAndCheck(w.visitorCounts)
	agent.Finish(append(w.visitors, w.reconnecting)...)
}

// growthHarness is the processes of a soak, and what is measured of them.
type growthHarness struct {
	t             *testing.T
	dir           string
	stress        *stressHarness
	reconnecting  agent.Agent   // stays, and connects again and again
	visitors      []agent.Agent // stay as processes, and join and leave
	visitorCounts []uint64
	all           []series // gauges of each process in their order, then those of the domain
}

func newGrowthHarness(t *testing.T) *growthHarness {
	t.Helper()
	dir := harness.NewDomain(t)
	w := &growthHarness{t: t, dir: dir, stress: newStressHarness(t, dir, 5*time.Millisecond), reconnecting: agent.Start(t, dir), visitorCounts: make([]uint64, agent.FlowTopics)}
	for i := range w.stress.processes {
		w.watch(fmt.Sprintf("stays %d", i))
	}
	w.watch("reconnects")
	for i := range soakVisitors {
		w.visitors = append(w.visitors, agent.New(t, dir))
		w.watch(fmt.Sprintf("visits %d", i))
	}
	w.all = append(w.all, series{whose: "domain", gauge: gauge{name: "files"}}, series{whose: "domain", gauge: gauge{name: "KiB in files", least: 4}})
	return w
}

// watch makes a series of each gauge.
func (w *growthHarness) watch(whose string) {
	for _, g := range gauges {
		w.all = append(w.all, series{whose: whose, gauge: g})
	}
}

// members are the participants that stay.
func (w *growthHarness) members() []agent.Agent {
	return append(slices.Clone(w.stress.processes), w.reconnecting)
}

// churn is what comes and goes in one cycle, more times as often as soakVisits and soakReconnects say.
func (w *growthHarness) churn(more int) {
	w.t.Helper()
	var victims []*harness.Child
	for range soakKills {
		victims = append(victims, harness.Start(w.t, w.dir, agent.EndpointChurn{}))
	}
	var visits []*harness.Pending[[]uint64]
	for i, c := range w.visitors {
		visits = append(visits, harness.Go(c.Child, agent.Visit{N: more * soakVisits, First: 3 * i}))
	}
	reconnected := harness.Go(w.reconnecting.Child, agent.Reconnect{Topic: agent.FlowTopic(0), N: more * soakReconnects})
	for _, v := range victims {
		v.Ready()
		harness.RandomDelay()
		v.Kill()
	}
	for _, v := range visits {
		addCounts(w.visitorCounts, v.Wait())
	}
	reconnected.Done()
}

// settle waits until the permanent processes have heard of all that left or died.
func (w *growthHarness) settle() {
	w.t.Helper()
	for _, c := range w.members() {
		c.WaitParticipants(len(w.members()))
	}
	for _, c := range w.stress.processes {
		c.WaitReadersAtMost("f", flowReaders)
	}
}

func (w *growthHarness) measure(keep bool) {
	w.t.Helper()
	var now []float64
	for _, c := range append(w.members(), w.visitors...) {
		c.ForgetEvents()
		a := sizeOf(c)
		for _, g := range gauges {
			now = append(now, g.of(a))
		}
	}
	files, kib := contents(w.t, w.dir)
	now = append(now, files, kib)
	for i := range w.all {
		if keep {
			w.all[i].values = append(w.all[i].values, now[i])
		}
	}
}
