package watch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/registry"
)

// A story feeds snapshots to a tracker, a log and a pulse.
type story struct {
	at      int64
	tracker *Tracker
	log     Log
	pulse   Pulse
	health  Health
	view    View
	died    []registry.ID // of the next snapshot
}

func newStory() *story { return &story{tracker: NewTracker(&TrackerOptions{KeepGone: true})} }

// next returns what is new in the log, as "kind topic unit".
func (s *story) next(members ...memberFixture) (news []string) {
	s.at += second
	now := snapshot(s.at, members...)
	now.Died = s.died
	v := s.tracker.Add(now)
	s.died, s.view = nil, v
	entries, grown := s.log.Add(s.tracker, v)
	s.health = s.pulse.Add(v, grown, Inspection{})
	for _, e := range entries {
		news = append(news, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Kind, e.Topic, e.Unit)))
	}
	return news
}

func (s *story) expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("at %d s: %s", s.at/second, diff)
	}
}

func TestLog_Processes(t *testing.T) {
	s := newStory()
	a, b := member(1, "a"), member(2, "b")
	s.expect(t, s.next(a))
	s.expect(t, s.next(a, b), "joined  b")
	b.State = registry.StateStopped
	s.expect(t, s.next(a, b), "stopped  b")
	if s.health.Stopped != 1 || s.health.Processes != 2 || s.health.OK() {
		t.Errorf("%+v", s.health)
	}
	b.State = registry.StateRunning
	s.expect(t, s.next(a, b), "continued  b")
	b.Alive = false
	s.expect(t, s.next(a, b), "died  b")
	if s.health.Dead != 1 || s.health.OK() {
		t.Errorf("%+v", s.health)
	}
	s.expect(t, s.next(a))
	s.expect(t, s.next(), "ended  a")
	s.expect(t, s.next())
}

// A participant that came and died between two scans is told as both, if its files are still there.
func TestLog_JoinAndDeathBetweenScans(t *testing.T) {
	s := newStory()
	dead := func(id registry.ID, since int64) memberFixture {
		m := member(id, "short")
		m.Alive, m.Since = false, clock.Stamp(since)
		return m
	}
	a, old := member(1, "a"), dead(2, 0)
	s.expect(t, s.next(a, old)) // it is dead when the log begins
	s.expect(t, s.next(a, old, dead(3, s.at+1)), "joined  short", "died  short")
	s.expect(t, s.next(a, old, dead(3, 1)))
	s.expect(t, s.next(a, old, dead(4, 1)), "died  short") // an earlier scan did not find it
}

// A process that is killed beside others is dead for a minute, though these remove its files at once.
func TestLog_DeathsWhoseFilesAreRemoved(t *testing.T) {
	s := newStory()
	a, b, c := member(1, "a"), member(2, "b", publisher("x", 0, 0)), member(3, "c")
	s.next(a, b, c)
	s.died = []registry.ID{2}
	s.expect(t, s.next(a), "died  b", "ended  c", "vanished x")
	dead := func() (all []string) {
		var q Processes
		for _, p := range q.Of(s.view, Inspection{}) {
			if p.State == "dead" {
				all = append(all, p.Unit)
			}
		}
		return all
	}
	for range 60 {
		s.expect(t, s.next(a))
	}
	if got := dead(); len(got) != 1 || got[0] != "b" || s.health.Dead != 1 || s.health.Processes != 1 || s.health.OK() {
		t.Errorf("%v dead, %+v", got, s.health)
	}
	if s.next(a); len(dead()) != 0 || !s.health.OK() {
		t.Errorf("after a minute: %v dead, %+v", dead(), s.health)
	}
}

func TestLog_Topics(t *testing.T) {
	s := newStory()
	s.next()
	n := uint64(0)
	publish := func() memberFixture {
		n += 10
		return member(1, "a", publisher("x", n, s.at+second))
	}
	s.expect(t, s.next(publish()), "joined  a", "appeared x")
	for range 20 {
		s.expect(t, s.next(publish()))
	}
	var news []string
	last := member(1, "a", publisher("x", n, s.at))
	for range 60 {
		news = append(news, s.next(last)...)
	}
	s.expect(t, news, "stale x")
	if s.health.Stale != 1 || s.health.OK() {
		t.Errorf("%+v", s.health)
	}
	s.expect(t, s.next(publish()), "resumed x")
	s.expect(t, s.next(), "ended  a", "vanished x")
}

func TestLog_MismatchOnce(t *testing.T) {
	s := newStory()
	other := subscription(0, "x")
	other.AnyType, other.TypeName, other.Encoding = false, "pkg.Other", "msgpack"
	a, b := member(1, "a", publisher("x", 5, second)), member(2, "b", other)
	s.expect(t, s.next(a, b), "mismatch x b") // in the first view too: it lasts
	s.expect(t, s.next(a, b))
	if s.health.Mismatched != 1 || s.health.OK() {
		t.Errorf("%+v", s.health)
	}
	s.next(a)
	if news := s.next(a, b); !strings.Contains(strings.Join(news, ","), "mismatch x b") {
		t.Errorf("after a restart: %v", news)
	}
}

func TestLog_CountersOfFaults(t *testing.T) {
	s := newStory()
	p, own, shared := publisher("x", 0, 0), subscription(10, "x"), subscription(0, "*")
	state := func() []memberFixture {
		return []memberFixture{member(1, "a", p, publisher("y", 0, 0)), member(2, "b", own, shared)}
	}
	s.expect(t, s.next(state()...))
	if !s.health.OK() {
		t.Errorf("losses before the beginning count: %+v", s.health)
	}
	own.received.Lost += 7
	shared.received.DecodeErrors += 2
	p.published.Failed++
	s.expect(t, s.next(state()...), "failed x a", "lost x b", "undecodable * b")
	if h := s.health; h.Lost != 7 || h.Undecodable != 2 || h.Failed != 1 || h.OK() {
		t.Errorf("%+v", h)
	}
	if e := s.log.Entries[1]; e.Text != "7 messages lost, 17 in all" {
		t.Errorf("%+v", e)
	}
	own.received.Lost = 1 // the estimate was too high
	for range 12 {
		s.expect(t, s.next(state()...))
	}
	own.received.Lost = 17
	s.expect(t, s.next(state()...))
	if !s.health.OK() {
		t.Errorf("after ten seconds: %+v", s.health)
	}
}

// A subscription that loses messages in scan after scan has one entry, which comes to the present; each scan has its news. After a rest
// there is another entry.
func TestLog_LossesThatGoOn(t *testing.T) {
	s := newStory()
	loser, other := subscription(0, "x"), subscription(0, "x")
	next := func() []string {
		return s.next(member(1, "a", publisher("x", 0, 0)), member(2, "b", loser), member(3, "c", other))
	}
	next()
	for range 30 {
		loser.received.Lost += 5
		s.expect(t, next(), "lost x b")
	}
	other.received.Lost++
	loser.received.Lost += 5
	s.expect(t, next(), "lost x b", "lost x c")
	if e := s.log.Entries; len(e) != 2 || e[0].Text != "155 messages lost in 31.0 s, 155 in all" || e[0].At != s.at || e[1].Text != "1 messages lost, 1 in all" {
		t.Errorf("%+v", e)
	}
	for range 10 {
		s.expect(t, next())
	}
	loser.received.Lost += 5
	s.expect(t, next(), "lost x b")
	if e := s.log.Entries; len(e) != 3 || e[2].Text != "5 messages lost, 160 in all" || len(s.log.growing) != 1 {
		t.Errorf("%+v, %d growing", e, len(s.log.growing))
	}
}

func TestLog_BeginsWithStoppedProcesses(t *testing.T) {
	s := newStory()
	a := member(1, "a")
	a.State = registry.StateStopped
	s.expect(t, s.next(a), "stopped  a")
	b := member(2, "b", subscription(5, "x"))
	b.State = registry.StateStopped
	s.expect(t, s.next(a, b), "joined  b", "stopped  b", "appeared x", "lost x b") // the losses of a subscription that is new are news
}

func TestLog_IsBounded(t *testing.T) {
	s := newStory()
	for i := range 3 * MaxEntries / 2 {
		s.next(member(registry.ID(i+1), "a"))
		if len(s.log.Entries) > MaxEntries {
			t.Fatalf("%d entries", len(s.log.Entries))
		}
	}
	last := s.log.Entries[len(s.log.Entries)-1]
	if last.Number < 2*MaxEntries || len(s.log.counters) != 0 || len(s.log.participants) != 1 {
		t.Errorf("%+v, %d counters", last, len(s.log.counters))
	}
}

func TestHealth_SpaceAndDelays(t *testing.T) {
	v := NewTracker(nil).Add(snapshot(2*second, member(1, "a", publisher("x", 5, second)), member(2, "b", delayed(5_000_000, "x"))))
	var x Inspection
	x.SpaceOK, x.Space.Size, x.Space.Available = true, 1000, 50
	var p Pulse
	h := p.Add(v, Faults{}, x)
	if h.Free != 0.05 || !h.NearlyFull() || h.OK() || h.WorstTopic != "x" || h.Worst < 4_000_000 {
		t.Errorf("%+v", h)
	}
	x.Space.Size = 0
	if h = p.Add(v, Faults{}, x); h.NearlyFull() {
		t.Error("a file system without a limit is full")
	}
}
