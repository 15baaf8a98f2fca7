package screen

import (
	"maps"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/stats"
	"github.com/shmbus/shmbus/registry"
)

const second = int64(time.Second)

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
}

// A memberFixture is a participant with the statistics of its endpoints.
type memberFixture struct {
	registry.Participant
	stats registry.Stats
}

func member(id registry.ID, unit string, endpoints ...fixture) memberFixture {
	p := registry.Participant{ID: id, PID: 1000 + int(id), Unit: unit, Executable: "/opt/robot/bin/" + unit, Since: clock.Stamp(second), Alive: true}
	m := memberFixture{p, newStats()}
	for i, e := range endpoints {
		e.ID = registry.EndpointID{Participant: id, Number: uint32(i + 1)}
		e.Since = clock.Stamp(second)
		m.Endpoints = append(m.Endpoints, e.Endpoint)
		if e.Kind == registry.KindPublisher {
			m.stats.Publishers[e.ID] = e.published
		} else {
			m.stats.Subscriptions[e.ID] = e.received
		}
	}
	return m
}

func snapshot(at int64, members ...memberFixture) watch.Snapshot {
	s := watch.Snapshot{At: at, Stats: newStats()}
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
			subscription(0, 12_000, "robot/imu"), subscription(17, 850_000, "robot/lidar/points"), other),
		member(3, "recorder", subscription(4, 90_000, "robot/**"), subscription(0, 0, "robot/goal")),
	}
}

// drive makes a Model, gives it a size and n scans.
func drive(t *testing.T, s *script, width, height, n int) Model {
	t.Helper()
	m := New(s, &Options{Domain: "/dev/shm/shmbus-1000/default"})
	m = send(t, m, tea.WindowSizeMsg{Width: width, Height: height})
	return scans(t, m, n)
}

func scans(t *testing.T, m Model, n int) Model {
	t.Helper()
	for range n {
		m = send(t, m, m.scan()())
	}
	return m
}

func send(t *testing.T, m Model, msgs ...tea.Msg) Model {
	t.Helper()
	for _, msg := range msgs {
		next, _ := m.Update(msg)
		m = next.(Model)
		fits(t, m)
	}
	return m
}

func press(t *testing.T, m Model, keys ...string) Model {
	t.Helper()
	for _, k := range keys {
		m = send(t, m, keyMsg(k))
	}
	return m
}

func keyMsg(k string) tea.KeyMsg {
	for _, kind := range []tea.KeyType{tea.KeyEnter, tea.KeyEsc, tea.KeyUp, tea.KeyDown, tea.KeyLeft, tea.KeyRight, tea.KeyPgDown, tea.KeyPgUp, tea.KeyHome, tea.KeyEnd, tea.KeyBackspace, tea.KeyCtrlC, tea.KeyCtrlU} {
		if msg := (tea.KeyMsg{Type: kind}); msg.String() == k {
			return msg
		}
	}
	if k == " " {
		return tea.KeyMsg{Type: tea.KeySpace, Runes: []rune{' '}}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)}
}

// fits checks what holds for every screen: it is no larger than the terminal and nothing in it is a command to it.
func fits(t *testing.T, m Model) {
	t.Helper()
	if m.width == 0 {
		return
	}
	lines := strings.Split(m.View(), "\n")
	if len(lines) > m.height {
		t.Fatalf("%d lines on a screen of %d:\n%s", len(lines), m.height, m.View())
	}
	for _, l := range lines {
		l = ansi.Strip(l)
		if w := text.Width(l); w > m.width {
			t.Fatalf("a line of %d cells on a screen of %d: %q", w, m.width, l)
		}
		for _, r := range l {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q reaches the terminal in %q", r, l)
			}
		}
	}
}
