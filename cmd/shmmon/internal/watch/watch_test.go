package watch

import (
	"maps"
	"math"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/stats"
	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde/protobuf"
)

const second = int64(time.Second)

// A fixture is an endpoint with its statistics.
type fixture struct {
	registry.Endpoint
	published registry.PublisherStats
	received  registry.SubscriptionStats
}

// A memberFixture is a participant with the statistics of its endpoints.
type memberFixture struct {
	registry.Participant
	stats registry.Stats
}

func member(id registry.ID, unit string, endpoints ...fixture) memberFixture {
	m := memberFixture{registry.Participant{ID: id, PID: int(id) + 100, Unit: unit, Alive: true, Since: 1}, newStats()}
	for i, e := range endpoints {
		e.ID = registry.EndpointID{Participant: id, Number: uint32(i + 1)}
		m.Endpoints = append(m.Endpoints, e.Endpoint)
		if e.Kind == registry.KindPublisher {
			m.stats.Publishers[e.ID] = e.published
		} else {
			m.stats.Subscriptions[e.ID] = e.received
		}
	}
	return m
}

func snapshot(at int64, members ...memberFixture) Snapshot {
	s := Snapshot{At: at, Stats: newStats()}
	for _, m := range members {
		s.Participants = append(s.Participants, m.Participant)
		maps.Copy(s.Stats.Publishers, m.stats.Publishers)
		maps.Copy(s.Stats.Subscriptions, m.stats.Subscriptions)
	}
	return s
}

func newStats() registry.Stats {
	return registry.Stats{
		Publishers:    map[registry.EndpointID]registry.PublisherStats{},
		Subscriptions: map[registry.EndpointID]registry.SubscriptionStats{},
	}
}

func publisher(topic string, n uint64, last int64) fixture {
	return fixture{
		Endpoint:  registry.Endpoint{Kind: registry.KindPublisher, Topic: topic, TypeName: "pkg.T", Encoding: "msgpack", Depth: 16, Since: clock.Stamp(second)},
		published: registry.PublisherStats{Messages: n, Bytes: 10 * n, LastStamp: clock.Stamp(last), LastSize: 10, MaxSize: 12, Subscribers: 1},
	}
}

func subscription(lost uint64, patterns ...string) fixture {
	return fixture{
		Endpoint: registry.Endpoint{Kind: registry.KindSubscription, Patterns: patterns, AnyType: true, Since: clock.Stamp(second)},
		received: registry.SubscriptionStats{Lost: lost, Stale: 10 * lost, Filtered: 100 * lost},
	}
}

func find(t *testing.T, v View, name string) Topic {
	t.Helper()
	topic, ok := v.Find(name)
	if !ok {
		t.Fatalf("no topic %q in %v", name, v.Topics)
	}
	return topic
}

func TestSeveralPublishersOfOneTopicAddUp(t *testing.T) {
	tr := NewTracker(nil)
	var v View
	for i := range int64(5) {
		at := (10 + i) * second
		v = tr.Add(snapshot(at,
			member(1, "a", publisher("x", uint64(100+10*i), at)),
			member(2, "b", publisher("x", uint64(500+50*i), at), publisher("y", uint64(7*i+1), at)),
		))
	}
	x := find(t, v, "x")
	if math.Abs(x.Rate-60) > 1 || math.Abs(x.Bandwidth-600) > 10 || x.Messages != 140+700 || len(x.Publishers) != 2 || !x.Measured {
		t.Errorf("x: %+v", x)
	}
	if math.Abs(v.Rate-67) > 1 {
		t.Errorf("all topics: %v msg/s", v.Rate)
	}
	if x.State != Live || x.Size != 10 || x.MaxSize != 12 || x.Type != "pkg.T" {
		t.Errorf("x: %+v", x)
	}
}

func TestARestartedPublisherIsANewOne(t *testing.T) {
	tr := NewTracker(nil)
	tr.Add(snapshot(10*second, member(1, "a", publisher("x", 1000, 10*second))))
	v := tr.Add(snapshot(11*second, member(2, "a", publisher("x", 3, 11*second))))
	if x := find(t, v, "x"); x.Rate < 0 || x.Rate > 10 || x.Messages != 3 {
		t.Errorf("%+v", x)
	}
	if len(tr.publishers) != 1 {
		t.Errorf("%d publishers remembered", len(tr.publishers))
	}
}

func TestLossesAreBlamedOnTheRightTopic(t *testing.T) {
	p := publisher("robot/pose", 5, second)
	q := publisher("robot/scan", 5, second)
	v := NewTracker(nil).Add(snapshot(2*second,
		member(1, "a", p, q),
		member(2, "b", subscription(3, "robot/pose"), subscription(4, "robot/*"), subscription(5, "*/scan")),
	))
	pose, scan := find(t, v, "robot/pose"), find(t, v, "robot/scan")
	if pose.Lost != 3 || pose.LostShared != 4 || len(pose.Subscribers) != 2 {
		t.Errorf("pose: %+v", pose)
	}
	if scan.Lost != 5 || scan.LostShared != 4 || len(scan.Subscribers) != 2 {
		t.Errorf("scan: %+v", scan)
	}
	for _, topic := range []Topic{pose, scan} {
		if topic.Stale != 10*topic.Lost || topic.StaleShared != 10*topic.LostShared || topic.Filtered != 100*topic.Lost || topic.FilteredShared != 100*topic.LostShared {
			t.Errorf("%+v", topic)
		}
	}
}

// Of a subscription that checks schemas itself the view says what its codec finds.
func TestTracker_SchemaCheckOfSubscription(t *testing.T) {
	pose, image := protobuf.Codec[*testpb.Pose]().Type(), protobuf.Codec[*testpb.Image]().Type()
	for name, tc := range map[string]struct {
		schema []byte
		want   int
	}{
		"equal":           {pose.Schema, 0},
		"another version": {append(pose.Schema[:len(pose.Schema):len(pose.Schema)], unknownField...), 0},
		"another message": {image.Schema[:len(image.Schema)/2], 1},
	} {
		p, s := publisher("x", 1, second), subscription(0, "x")
		p.TypeName, p.Encoding, p.SchemaEncoding, p.Schema = pose.Name, pose.Encoding, pose.SchemaEncoding, tc.schema
		s.TypeName, s.Encoding, s.SchemaEncoding, s.Schema = pose.Name, pose.Encoding, pose.SchemaEncoding, pose.Schema
		s.AnyType, s.ChecksSchema = false, true
		tracker := NewTracker(nil)
		for range 2 {
			v := tracker.Add(snapshot(2*second, member(1, "a", p), member(2, "b", s)))
			if x := find(t, v, "x"); x.Mismatched != tc.want {
				t.Errorf("%s: %d mismatches, want %d", name, x.Mismatched, tc.want)
			}
		}
		if tracker.Add(snapshot(3 * second)); len(tracker.compared) != 0 {
			t.Errorf("%s: %d comparisons are kept", name, len(tracker.compared))
		}
	}
}

// unknownField is a field that FileDescriptorSet does not have.
var unknownField = []byte{0x98, 0x06, 0x01}

func TestATypeMismatchIsSeen(t *testing.T) {
	s := subscription(0, "x")
	s.AnyType, s.TypeName, s.Encoding = false, "pkg.Other", "msgpack"
	v := NewTracker(nil).Add(snapshot(2*second, member(1, "a", publisher("x", 1, second)), member(2, "b", s)))
	if x := find(t, v, "x"); x.Mismatched != 1 || !x.Subscribers[0].Mismatch {
		t.Errorf("%+v", x)
	}
}

func TestStates(t *testing.T) {
	latched := publisher("latched", 1, 2*second)
	latched.Latched = true
	tr := NewTracker(&TrackerOptions{KeepGone: true})
	var v View
	for i := range int64(400) {
		at := (10 + i) * second
		v = tr.Add(snapshot(at,
			member(1, "a", publisher("live", uint64(i+5), at), publisher("quiet", 0, 0), publisher("stale", 9, 9*second), latched),
			member(2, "b", subscription(0, "waiting")),
		))
	}
	for name, want := range map[string]State{"live": Live, "quiet": Quiet, "stale": Stale, "latched": Latched, "waiting": Waiting} {
		if got := find(t, v, name).State; got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
	v = tr.Add(Snapshot{At: v.At + second})
	if got := find(t, v, "live"); got.State != Gone || got.Rate != 0 || len(v.Topics) != 5 {
		t.Errorf("after all left: %+v", v.Topics)
	}
	if v = tr.Add(Snapshot{At: v.At + 20*second}); len(v.Topics) != 0 {
		t.Errorf("gone topics stay: %v", v.Topics)
	}
}

func TestDelaysAreThoseOfTheLastSeconds(t *testing.T) {
	sub := subscription(0, "x")
	tr := NewTracker(nil)
	read := func(at int64) Topic {
		return find(t, tr.Add(snapshot(at, member(1, "a", publisher("x", 5, second)), member(2, "b", sub))), "x")
	}
	if x := read(10 * second); x.P50 != -1 || x.P99 != -1 || x.Jitter() != -1 || x.Subscribers[0].Jitter() != -1 {
		t.Fatalf("delays out of nothing: %d, %d", x.P50, x.P99)
	}
	h := &sub.received.Latency
	h[stats.Bucket(1_000_000)] = math.MaxUint32 - 50 // a slow past
	if x := NewTracker(nil).Add(snapshot(1, member(2, "b", sub))).Topics[0]; x.P50 < 800_000 {
		t.Fatalf("the first snapshot reads %d ns", x.P50)
	}
	read(11 * second)
	for i := range int64(30) {
		h[stats.Bucket(2000)] += 100
		x := read((12 + i) * second)
		if i > 15 && (x.P50 < 1500 || x.P50 > 2500 || x.P99 > 2500) {
			t.Fatalf("p50 %d, p99 %d", x.P50, x.P99)
		}
	}
	if x := read(42 * second); x.Jitter() != 0 || x.Subscribers[0].Jitter() != 0 {
		t.Fatalf("jitter %d of equal delays", x.Jitter())
	}
	h[stats.Bucket(2000)] += math.MaxUint32 - 100 // the word wraps
	if x := read(43 * second); x.P50 < 1500 || x.P50 > 2500 {
		t.Fatalf("after the wrap p50 reads %d", x.P50)
	}
	h[stats.Bucket(50_000)] += 30 // of about a thousand
	if x := read(44 * second); x.Jitter() < 38_000 || x.Jitter() > 58_000 || x.Jitter() != x.P99-x.P50 || x.Subscribers[0].Jitter() != x.Jitter() {
		t.Fatalf("jitter %d of %d and %d", x.Jitter(), x.P50, x.P99)
	}
	for _, d := range tr.delays {
		if len(d.past) > 12 {
			t.Fatalf("%d histograms remembered", len(d.past))
		}
	}
}

// A subscription that takes a message per second has a delay sampled every sixteen seconds. Between two of these the last one stands, not
// those of its whole life, and after a minute without one there is none.
func TestDelays_BetweenRareSamples(t *testing.T) {
	sub := subscription(0, "x")
	sub.received.Latency[stats.Bucket(16*second)] = 1000 // a stall in the past
	tr := NewTracker(nil)
	at := 10 * second
	read := func() Topic {
		at += second
		return find(t, tr.Add(snapshot(at, member(1, "a", publisher("x", 5, second)), member(2, "b", sub))), "x")
	}
	read()
	for i := range 100 {
		if i%16 == 0 {
			sub.received.Latency[stats.Bucket(2000)]++
		}
		if x := read(); x.P99 > 2500 || x.P50 < 1500 {
			t.Fatalf("after %d s p50 %d, p99 %d", i, x.P50, x.P99)
		}
	}
	for range 75 {
		read()
	}
	if x := read(); x.P50 != -1 || x.P99 != -1 || x.Worst != -1 {
		t.Errorf("without samples: %d, %d, %d", x.P50, x.P99, x.Worst)
	}
}

func TestTracker_DueAfterSlowTopics(t *testing.T) {
	tr := NewTracker(&TrackerOptions{Window: time.Second})
	tr.Add(snapshot(20*second, member(1, "a", publisher("x", 10, 19*second))))
	if due := tr.Due(30 * second); due < 20*second || due > 23*second {
		t.Errorf("due at %v", time.Duration(due))
	}
	if tr.Due(20*second) != 0 {
		t.Error("due beyond the limit")
	}
	tr.Add(snapshot(21*second, member(1, "a", publisher("x", 11, 21*second))))
	if tr.Due(30*second) != 0 {
		t.Error("due though measured")
	}
}

func TestView_ForApplications(t *testing.T) {
	v := NewTracker(nil).Add(snapshot(2*second, member(1, "a", publisher("$service/x/server", 1, second), publisher("x", 1, second), publisher("x/$y", 1, second))))
	shown := v.ForApplications()
	if len(v.Topics) != 3 || len(shown.Topics) != 2 || v.Hidden != 0 || shown.Hidden != 1 || shown.Topics[0].Name != "x" || shown.Topics[1].Name != "x/$y" {
		t.Errorf("%v of %v", shown.Topics, v.Topics)
	}
}
