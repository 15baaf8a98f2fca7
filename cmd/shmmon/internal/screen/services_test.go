package screen

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
)

// readings is a services.Source that has made-up services.
type readings struct {
	at     *script
	wanted []services.Want
	change func(*services.Reading)
	err    error
	closed bool
}

func (s *readings) Close() error {
	s.closed = true
	return nil
}

func (s *readings) Read(_ context.Context, want services.Want) (services.Reading, error) {
	s.wanted = append(s.wanted, want)
	if s.err != nil {
		return services.Reading{}, s.err
	}
	arm := registry.Participant{ID: 1, Unit: "driver", PID: 1001}
	planner := registry.Participant{ID: 2, Unit: "planner", PID: 1002}
	server := func(name string, request, response serde.Type, stream bool, by registry.Participant) service.ServerInfo {
		return service.ServerInfo{Server: by, Description: service.Description{Name: name, Key: uint64(len(name)), Request: request, Response: response, Stream: stream, Serving: true, Concurrency: 4, MaxCalls: 16}}
	}
	figures := func(name string, calls, failed, unanswered uint64, bucket int) services.Figures {
		f := services.Figures{Service: name, Calls: calls, Failed: failed, Unanswered: unanswered}
		f.Took[bucket], f.Took[bucket+4] = 98, 2
		return f
	}
	goals := serde.Type{Encoding: "goal+update", SchemaEncoding: "goal", Schema: []byte(`{"Feedback":{"Name":"arm.Angle","Encoding":"cbor"},"Result":{"Name":"arm.Reached","Encoding":"cbor"}}`)}
	r := services.Reading{
		Servers: []service.ServerInfo{
			server("robot/arm/move", serde.Type{Name: "arm.Target", Encoding: "goal+cbor"}, goals, true, arm),
			server("robot/map/tiles", serde.Type{Name: "nav.Area", Encoding: "json"}, serde.Type{Name: "nav.Tile", Encoding: "protobuf"}, true, planner),
			server("robot/plan", serde.Type{Name: "nav.Pose", Encoding: "cbor"}, serde.Type{Name: "nav.Path", Encoding: "cbor"}, false, planner),
			server("robot/plan", serde.Type{Name: "nav.Pose", Encoding: "cbor"}, serde.Type{Name: "nav.Path", Encoding: "cbor"}, false, arm),
		},
		Figures: map[registry.EndpointID]services.Figures{
			{Participant: 1, Number: 90}: figures("robot/arm/move", 4, 2, 3, 20),
			{Participant: 2, Number: 90}: figures("robot/map/tiles", 3, 0, 0, 12),
			{Participant: 2, Number: 91}: figures("robot/plan", 41_500, 3, 4, 6),
			{Participant: 1, Number: 91}: figures("robot/plan", 38_000, 0, 1, 6),
		},
	}
	if want&services.WantGoals != 0 {
		one := func(n byte, state string, ended bool, started, changed int64, by registry.Participant) services.Goal {
			return services.Goal{Service: "robot/arm/move", ID: goal.ID{n, 0xa7, 0x15, 15: n}, State: state, Ended: ended, Started: started * second, Changed: changed * second, Caller: by}
		}
		r.Goals = []services.Goal{
			one(9, "accepted", false, 59, 59, planner), one(8, "running", false, 48, 50, planner), one(7, services.StateRejected, true, 40, 40, planner),
			one(6, "failed", true, 30, 33, planner), one(5, "cancelled", true, 20, 25, planner), one(4, "succeeded", true, 2, 18, planner),
			one(3, "running", false, 1, 1, registry.Participant{ID: 77, Unit: "operator", PID: 999}),
		}
	}
	if want&services.WantParameters != 0 {
		r.Parameters = []services.Parameter{
			{Owner: arm, Name: "arm/joints", Type: "int64 list", Value: "[1,2,3]", Revision: 2, Description: "joints that are used"},
			{Owner: arm, Name: "arm/speed", Type: "float64", Value: "0.5", Revision: 17, Description: "degrees per second"},
			{Owner: planner, Name: "name", Type: "string", Value: "marvin", Revision: 1, ReadOnly: true},
		}
	}
	if s.change != nil {
		s.change(&r)
	}
	return r, nil
}

// serving is the robot with the rings of clients of robot/plan.
func serving(at int64) []memberFixture {
	const never = 1 << 60
	all := robot(at)
	requests := "$service/robot/plan/request/000000000000000a"
	taken := subscription(0, 0, requests)
	taken.AnyType, taken.TypeName, taken.Encoding, taken.received.Lag = false, "nav.Pose", "call+cbor", 5
	return append(all, member(4, "operator", publisher(requests, "nav.Pose", "call+cbor", 12, 100, at, never)), member(5, "server", taken))
}

func driveServices(t *testing.T, s *readings, width, height int) *driver {
	t.Helper()
	s.at = &script{make: serving}
	return driveWith(t, s.at, &Options{Messages: &messages{of: imu}, Services: s}, width, height, 60)
}

func TestScreens_ServicesAtThreeSizes(t *testing.T) {
	for view, key := range map[string]string{"services": "9", "goals": "0", "parameters": "-"} {
		for _, s := range sizes {
			t.Run(view+"-"+s.name, func(t *testing.T) {
				golden(t, view+"-"+s.name, driveServices(t, &readings{}, s.width, s.height).press(key).scans(1).content())
			})
		}
	}
}

func TestServices_FiguresOfAllServers(t *testing.T) {
	d := driveServices(t, &readings{}, 200, 24).press("9")
	var got []string
	for l := range strings.Lines(d.screen()) {
		if strings.Contains(l, "robot/plan ") {
			got = strings.Fields(strings.TrimLeft(l, "> "))
		}
	}
	if want := "robot/plan call nav.Pose nav.Path 2 1 12.0 79500 3 0 10 5 <64.0 µs <1.02 ms"; strings.Join(got, " ") != want {
		t.Errorf("%q, not %q", got, want)
	}
	d.press("down", "down").shows("call: nav.Pose to nav.Path by planner (pid 1002), driver (pid 1001)")
}

// Nothing is read that is not shown.
func TestServices_AreReadWhereTheyAreShown(t *testing.T) {
	s := &readings{}
	d := driveServices(t, s, 80, 24)
	for _, want := range s.wanted {
		if want != 0 {
			t.Errorf("%d is read for the topics", want)
		}
	}
	for key, want := range map[string]services.Want{"9": services.WantServices, "0": services.WantGoals, "-": services.WantParameters, "1": 0} {
		if d.press(key).scans(1); s.wanted[len(s.wanted)-1] != want {
			t.Errorf("%s reads %d, not %d", key, s.wanted[len(s.wanted)-1], want)
		}
	}
}

// A connection of a client to a server is one row, with what the server has not taken; it leads to the service.
func TestConnections_OfServices(t *testing.T) {
	d := driveServices(t, &readings{}, 120, 24).press("2", "/").typed("service").press("enter")
	d.shows("1 of 10", "service robot/plan", "operator", "connected", "operator (pid 1004) sends to server (pid 1005)")
	d.press("enter").scans(1).shows("Connections › service robot/plan", "call: nav.Pose to nav.Path by planner")
	d.lacks("robot/map/tiles")
	d.press("esc", "esc", "3", "/").typed("operator").press("enter", "enter").shows("operator (pid 1004)", "service robot/plan")

	all := driveWith(t, &script{make: serving}, &Options{All: true}, 200, 24, 5).press("2", "/").typed("service").press("enter")
	all.shows("1 of 10", "$service/robot/plan/request/")
	all.lacks("service robot/plan ")
}

// A subscription of any type that gets requests, such as that of a recorder, is no server.
func TestConnections_RecorderOfRequests(t *testing.T) {
	s := &script{make: func(at int64) []memberFixture {
		return append(serving(at), member(6, "shmrec", subscription(0, 0, "$service/robot/plan/**")))
	}}
	drive(t, s, 120, 24, 5).press("2", "/").typed("service").press("enter").shows("1 of 10").lacks("shmrec")
}

func TestServices_OpenGoals(t *testing.T) {
	d := driveServices(t, &readings{}, 120, 24).press("9", "enter")
	d.shows("Services › robot/arm/move", "running", "accepted", "rejected")
	d.press("end").shows("operator (pid 999) is gone: the server cancels the goal")
	d.press("esc", "down", "enter").shows("only services of goals can be opened")
	d.press("0", "/").typed("rejected").press("enter").shows("1 of 7", "rejected")
	d.lacks("succeeded")
}

// A stopped server is marked, and one whose figures are missing has none.
func TestServices_Faults(t *testing.T) {
	s := &readings{change: func(r *services.Reading) { r.Figures = nil }}
	s.at = &script{make: func(at int64) []memberFixture {
		all := serving(at)
		all[0].State = registry.StateStopped
		return all
	}}
	d := driveWith(t, s.at, &Options{Services: s}, 200, 24, 5).press("9")
	for l := range strings.Lines(d.screen()) {
		if strings.Contains(l, "robot/arm/move") && !strings.Contains(l, "by") && !strings.Contains(l, "s robot/arm/move") {
			t.Errorf("%q is not marked", l)
		}
	}
	if s := d.services[0]; s.Calls != 0 || s.P50() != -1 {
		t.Errorf("%+v", s)
	}
	s = &readings{err: errors.New("no \x1b[2J permission")}
	driveServices(t, s, 80, 24).press("9").shows("the services cannot be read: no ")
	driveWith(t, &script{make: robot}, &Options{}, 80, 24, 2).press("0").shows("goals cannot be read here")
	s = &readings{change: func(r *services.Reading) { *r = services.Reading{} }}
	driveServices(t, s, 80, 24).press("-").shows("no parameters, or none matches the filter")
}

// Names of other processes are no commands to the terminal; driver.fits looks at each screen.
func TestServices_HostileTexts(t *testing.T) {
	const evil = "x\x1b[2J\u202e\u009b\xff"
	s := &readings{change: func(r *services.Reading) {
		long := evil + strings.Repeat("y", 70_000)
		for i := range r.Servers {
			one := &r.Servers[i]
			one.Name, one.Request.Name, one.Response.Encoding, one.Server.Unit = long, evil, evil, long
		}
		for i := range r.Goals {
			r.Goals[i].Service, r.Goals[i].Caller.Unit = long, evil
		}
		for i := range r.Parameters {
			p := &r.Parameters[i]
			p.Name, p.Value, p.Description, p.Owner.Unit = evil+p.Name, long, long, evil
		}
	}}
	d := driveServices(t, s, 120, 24)
	for _, key := range []string{"9", "0", "-"} {
		d.press(key, "w", "right", "right", "t", "enter").shows("x")
	}
}
