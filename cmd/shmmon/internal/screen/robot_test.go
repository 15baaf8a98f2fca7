package screen

import (
	"fmt"
	"maps"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/message"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/internal/stats"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
)

const second = int64(time.Second)

// space is the file system of the domain.
var space = shm.Space{Tmpfs: true, Size: 64 << 20, Available: 60 << 20}

// A script is a source whose snapshots are made up.
type script struct {
	at   int64
	make func(at int64) []memberFixture
	err  error
}

func (s *script) Snapshot() (watch.Snapshot, error) {
	s.at += second
	if s.err != nil {
		return watch.Snapshot{}, s.err
	}
	return snapshot(s.at, s.make(s.at)...), nil
}

// A fixture is an endpoint with its statistics.
type fixture struct {
	registry.Endpoint
	published registry.PublisherStats
	received  registry.SubscriptionStats
	behind    uint64 // messages that the subscription has not taken, of each publisher
}

// A memberFixture is a participant with the statistics of its endpoints.
type memberFixture struct {
	registry.Participant
	stats  registry.Stats
	behind map[registry.EndpointID]uint64
}

func member(id registry.ID, unit string, endpoints ...fixture) memberFixture {
	p := registry.Participant{ID: id, PID: 1000 + int(id), Unit: unit, Executable: "/opt/robot/bin/" + unit, Since: clock.Stamp(second), Alive: true}
	m := memberFixture{p, newStats(), map[registry.EndpointID]uint64{}}
	for i, e := range endpoints {
		e.ID = registry.EndpointID{Participant: id, Number: uint32(i + 1)}
		e.Since = clock.Stamp(second)
		m.Endpoints = append(m.Endpoints, e.Endpoint)
		if e.Kind == registry.KindPublisher {
			m.stats.Publishers[e.ID] = e.published
		} else {
			m.stats.Subscriptions[e.ID] = e.received
			m.behind[e.ID] = e.behind
		}
	}
	return m
}

func snapshot(at int64, members ...memberFixture) watch.Snapshot {
	s := watch.Snapshot{At: at, Stats: newStats(), Backlogs: map[registry.EndpointID]watch.Backlog{}, Space: space}
	for _, m := range members {
		s.Participants = append(s.Participants, m.Participant)
		maps.Copy(s.Stats.Publishers, m.stats.Publishers)
		for id, f := range m.stats.Subscriptions {
			for i := range f.Latency { // it takes messages all the time
				f.Latency[i] *= uint32(at / second)
			}
			s.Stats.Subscriptions[id] = f
		}
	}
	for _, to := range members {
		for _, e := range to.Endpoints {
			const depth = 16
			if n := to.behind[e.ID]; n > 0 {
				s.Backlogs[e.ID] = watch.Backlog{Lag: min(n, depth), Lost: n - min(n, depth)}
			}
		}
	}
	return s
}

// linksAmong are those of all subscriptions to all publishers.
func linksAmong(members []memberFixture) (all []watch.Link) {
	for _, from := range members {
		for _, to := range members {
			all = append(all, links(from, to)...)
		}
	}
	return all
}

// links are those of the subscriptions of one member to the publishers of another.
func links(from, to memberFixture) (all []watch.Link) {
	for _, p := range from.Endpoints {
		for _, e := range to.Endpoints {
			n := from.stats.Publishers[p.ID].Messages
			if p.Kind == registry.KindPublisher && e.Kind == registry.KindSubscription && registry.Interested(e, p.Topic) && registry.Match(p, e) == nil {
				all = append(all, watch.Link{Publisher: p.ID, Subscription: e.ID, Start: 1, Next: n + 1 - min(n, to.behind[e.ID]), Held: 2})
			}
		}
	}
	return all
}

func newStats() registry.Stats {
	return registry.Stats{
		Publishers:    map[registry.EndpointID]registry.PublisherStats{},
		Subscriptions: map[registry.EndpointID]registry.SubscriptionStats{},
	}
}

// publisher has published every 1/hz seconds since second 1, until stop.
func publisher(topic, typeName, encoding string, hz float64, size uint64, at, stop int64) fixture {
	at = min(at, stop)
	n := uint64(float64(at-second) * hz / 1e9)
	last := int64(0)
	if n > 0 {
		last = second + int64(float64(n)/hz*1e9)
	}
	return fixture{
		Endpoint: registry.Endpoint{Kind: registry.KindPublisher, Topic: topic, TypeName: typeName, Encoding: encoding, Depth: 16,
			MaxPayload: 256 << 20},
		published: registry.PublisherStats{Messages: n, Bytes: n * size, LastStamp: clock.Stamp(last), LastSize: size, MaxSize: size + 10, Subscribers: 1, Memory: 17 * size},
	}
}

func subscription(lost uint64, delay int64, patterns ...string) fixture {
	e := fixture{
		Endpoint: registry.Endpoint{Kind: registry.KindSubscription, Patterns: patterns, AnyType: true},
		received: registry.SubscriptionStats{Messages: 500, Bytes: 50_000, Lost: lost, Held: 2, Lag: 3, Publishers: 1},
	}
	if delay > 0 {
		e.received.Latency[stats.Bucket(delay)] = 100
	}
	return e
}

func robot(at int64) []memberFixture {
	const never = 1 << 60
	hung := subscription(17, 850_000, "robot/lidar/points")
	hung.behind = 20 // of 16 that the ring keeps
	imu := subscription(0, 12_000, "robot/imu")
	imu.received.Latency[stats.Bucket(40_000)] = 3 // of 103, some are late
	other := subscription(0, 0, "robot/odometry")
	other.AnyType, other.TypeName, other.Encoding = false, "nav.Odometry2", "cbor"
	return []memberFixture{
		member(1, "driver",
			publisher("robot/lidar/points", "sensor.PointCloud", "raw", 20, 1_048_576, at, never),
			publisher("robot/imu", "sensor.Imu", "msgpack", 1000, 96, at, never),
			publisher("robot/arm/left/joint/3/temperature/celsius/filtered", "very/long/package/msg/TemperatureWithCovariance", "cbor", 0.2, 32, at, never),
			publisher("robot/status", "string", "string", 0, 0, at, never)),
		member(2, "planner",
			publisher("robot/odometry", "nav.Odometry", "cbor", 50, 220, at, never),
			publisher("robot/map", "nav.Map", "protobuf", 10, 5_000_000, at, 40*second),
			imu, hung, other),
		member(3, "recorder", subscription(4, 90_000, "robot/**"), subscription(0, 0, "robot/goal")),
	}
}

// Inspect makes figures of the kernel of what the participants are.
func (s *script) Inspect(all []registry.Participant, want watch.Want) watch.Inspection {
	x := watch.Inspection{At: s.at, SpaceOK: true, Space: space}
	if want&watch.WantConnections != 0 {
		x.Links = linksAmong(s.make(s.at))
	}
	if want&watch.WantProcesses != 0 {
		x.Processes = make(map[registry.ID]watch.Usage)
	}
	if want&watch.WantMemory != 0 {
		x.Segments, x.Files = make(map[registry.EndpointID]watch.Segment), make(map[registry.ID]int64)
	}
	for _, p := range all {
		if x.Processes != nil {
			x.Processes[p.ID] = watch.Usage{CPU: float64(p.ID) * float64(s.at/second) / 50, Resident: int64(p.ID) << 23, Version: "v1.2.0"}
		}
		if x.Segments == nil {
			continue
		}
		x.Files[p.ID] = 40_960
		for _, e := range p.Endpoints {
			if e.Kind == registry.KindPublisher {
				x.Segments[e.ID] = watch.Segment{File: 12_288 + s.at/second*4096, Slots: 17, SlotBytes: 8192, Places: 2, Inspected: true}
			}
		}
	}
	return x
}

// messages is a message.Source whose topics have made-up messages.
type messages struct {
	opened, closed int
	of             func(n int) message.Message // the n-th message, from 1
	none           bool                        // there is no new one
	err            error
}

func (s *messages) Open(string) (message.Feed, error) {
	if s.err != nil {
		return nil, s.err
	}
	s.opened++
	return &feed{source: s}, nil
}

type feed struct {
	source *messages
	n      int
}

func (f *feed) Newest() (message.Message, bool, error) {
	if f.source.none {
		return message.Message{}, false, nil
	}
	f.n++
	return f.source.of(f.n), true, nil
}

func (f *feed) Close() error {
	f.source.closed++
	return nil
}

// imu makes the messages of an IMU in JSON, whose first field rises.
func imu(n int) message.Message {
	payload := fmt.Sprintf(`{"acceleration":{"x":%d,"y":0.5,"z":9.81},"frame":"base_link","ok":true,"samples":[1,2,%d]}`, n, n%3)
	return message.Message{
		Type: serde.Type{Name: "sensor.Imu", Encoding: "json"}, Publisher: "p", Unit: "driver", PID: 1001, Sequence: uint64(1000 + n),
		Time: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC), Payload: []byte(payload),
	}
}
