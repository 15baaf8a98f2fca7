package watch

import (
	"math"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/stats"
	"github.com/shmbus/shmbus/registry"
)

func delayed(ns int64, patterns ...string) fixture {
	s := subscription(0, patterns...)
	s.received.Latency[stats.Bucket(ns)] = 100
	return s
}

func TestHistory_BoundedSeries(t *testing.T) {
	var h History
	lost := uint64(5)
	for i := range 3 * HistoryLength {
		lost += uint64(i % 2)
		h.Add(View{Topics: []Topic{{Name: "x", Rate: float64(i), Lost: lost, P99: -1}}})
	}
	s := h.Of("x")
	if len(s.Rate) != HistoryLength || cap(s.Rate) != HistoryLength || s.Rate[HistoryLength-1] != 3*HistoryLength-1 || s.Rate[0] != 2*HistoryLength {
		t.Errorf("%d of %d, %v", len(s.Rate), cap(s.Rate), s.Rate)
	}
	if s.Lost[HistoryLength-1] != 1 || s.Lost[HistoryLength-2] != 0 || s.P99[0] != 0 {
		t.Errorf("lost %v", s.Lost)
	}
	if h.Add(View{}); len(h.Of("x").Rate) != 0 || len(h.topics)+len(h.lost) != 0 {
		t.Error("a topic that went stays")
	}
}

func TestProcesses_Figures(t *testing.T) {
	p, s := publisher("x", 5, second), subscription(3, "x", "y/*")
	a, dead, hidden := member(1, "a", p, s), member(2, "b"), member(3, "c")
	dead.Alive, hidden.State = false, registry.StateUnseen
	tr := NewTracker(nil)
	v := tr.Add(snapshot(2*second, a, dead, hidden))
	usage := func(at int64, cpu float64) Inspection {
		return Inspection{At: at, Processes: map[registry.ID]Usage{1: {CPU: cpu, Resident: 4096, Version: "v1"}},
			Files: map[registry.ID]int64{1: 100}, Segments: map[registry.EndpointID]Segment{a.Endpoints[0].ID: {File: 23}}}
	}
	var q Processes
	q.Add(usage(second, 10))
	q.Add(usage(3*second, 10.5))
	all := q.Of(v, usage(3*second, 10.5))
	if len(all) != 3 {
		t.Fatalf("%d processes", len(all))
	}
	one := all[0]
	if one.State != "live" || one.CPU != 0.25 || one.Resident != 4096 || one.Shared != 123 || one.Version != "v1" || one.Publishers != 1 ||
		one.Subscriptions != 1 || one.Topics != 1 || one.Lost != 3 || one.User == "" {
		t.Errorf("%+v", one)
	}
	if all[1].State != "dead" || all[2].State != "unseen" || all[1].CPU != -1 || all[2].Resident != -1 {
		t.Errorf("%+v, %+v", all[1], all[2])
	}
	q.Add(usage(4*second, 1)) // another process has the number
	if all := q.Of(v, usage(4*second, 1)); all[0].CPU != -1 {
		t.Errorf("%v", all[0].CPU)
	}
}

// A process has the topics that its patterns stand for. Those of services are neither in these nor in the rate where they are left out.
func TestProcesses_Topics(t *testing.T) {
	tr := NewTracker(nil)
	recorder := subscription(0, "**", "$service/**")
	var v View
	for i := range int64(5) {
		at := (10 + i) * second
		v = tr.Add(snapshot(at, member(1, "a", publisher("x", uint64(10*i), at), publisher("y", uint64(10*i), at), publisher("$service/z/server", uint64(500*i), at)), member(2, "b", recorder)))
	}
	if math.Abs(v.Rate-520) > 1 {
		t.Errorf("all topics: %v msg/s", v.Rate)
	}
	shown := v.ForApplications()
	if math.Abs(shown.Rate-20) > 1 || math.Abs(shown.Bandwidth-200) > 10 {
		t.Errorf("%v msg/s, %v B/s", shown.Rate, shown.Bandwidth)
	}
	for want, v := range map[int]View{3: v, 2: shown} {
		var q Processes
		if all := q.Of(v, Inspection{}); all[0].Topics != want || all[1].Topics != want {
			t.Errorf("%d and %d topics, want %d", all[0].Topics, all[1].Topics, want)
		}
	}
}

// What a process lost includes what its subscriptions have yet to notice.
func TestProcesses_LossesOfAHungSubscription(t *testing.T) {
	b := member(2, "b", subscription(3, "x"), subscription(4, "y"))
	s := snapshot(2*second, member(1, "a", publisher("x", 90, second)), b)
	s.Backlogs = map[registry.EndpointID]Backlog{b.Endpoints[0].ID: {Lag: 16, Lost: 50}}
	tr := NewTracker(nil)
	v := tr.Add(s)
	var q Processes
	if all := q.Of(v, Inspection{}); all[1].Lost != 57 {
		t.Errorf("%+v", all[1])
	}
	if x := find(t, v, "x"); x.Lost != 53 || x.Lag != 16 || s.Stats.Subscriptions[b.Endpoints[0].ID].Lost != 3 {
		t.Errorf("%+v", x)
	}
}

func TestParseStat_Lines(t *testing.T) {
	fields := "S 1 2 3 0 -1 4194560 5 0 0 0 250 50 0 0 20 0 9 0 777 1000000 300 18446744073709551615"
	for _, name := range []string{"sleep", "a) S 9 9 (", "", "x y z"} {
		u, start, ok := parseStat("12 (" + name + ") " + fields)
		if !ok || start != 777 || u.CPU != 3 || u.Resident != 300*4096 {
			t.Errorf("%q: %+v, %d, %v", name, u, start, ok)
		}
	}
	for _, bad := range []string{"", ")", "1 (x) S 1 2", "no brackets at all", "1 (x) " + strings.Replace(fields, "777", "-7", 1)} {
		if _, _, ok := parseStat(bad); ok {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestMemory_Growth(t *testing.T) {
	a := member(1, "a", publisher("x", 5, second), publisher("w", 5, second))
	v := NewTracker(nil).Add(snapshot(2*second, a))
	inspect := func(file int64) Inspection {
		return Inspection{Files: map[registry.ID]int64{1: 40}, Segments: map[registry.EndpointID]Segment{a.Endpoints[0].ID: {File: file}, a.Endpoints[1].ID: {File: 7}}}
	}
	var m Memory
	m.Of(v, inspect(1000))
	all := m.Of(v, inspect(1500))
	if len(all) != 3 || all[0].Topic != "w" || all[1].Growth != 500 || all[0].Growth != 0 || all[2].ID.Number != 0 || TotalBytes(all) != 1547 {
		t.Errorf("%+v", all)
	}
	if m.Of(v, Inspection{}) != nil {
		t.Error("shares without an inspection")
	}
}
