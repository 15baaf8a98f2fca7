package metrics

import (
	"testing"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/service"
)

// serving returns the metrics of a scan with one service, whose servers have answered so many calls.
func serving(e *Exporter, at int64, calls map[registry.ID]uint64) map[string]float64 {
	reading := services.Reading{Figures: map[registry.EndpointID]services.Figures{}}
	for id, n := range calls {
		f := services.Figures{Service: "arm/plan", Calls: n, Failed: n / 10, Refused: 1, Unanswered: 2}
		f.Took[3] = n
		reading.Figures[registry.EndpointID{Participant: id, Number: 1}] = f
		reading.Servers = append(reading.Servers, service.ServerInfo{Description: service.Description{Name: "arm/plan"}})
	}
	requests := topicOf("$service/arm/plan/request/1", []watch.Publisher{publisher(9, 5)}, subscriber(8, "arm", 0, "$service/arm/plan/request/1"))
	requests.Subscribers[0].Stats.Lag = 3
	v := watch.View{At: at, Topics: []watch.Topic{requests}}
	e.Add(Scan{View: v.ForApplications(), Now: time.Unix(1700000000, 0), Services: reading.Services(v, "**"), Figures: reading.Figures})
	return parse(string(e.Text()))
}

// Services have metrics of their own, whose counters go on when servers restart.
func TestExporter_Services(t *testing.T) {
	e := New()
	got := serving(e, second, map[registry.ID]uint64{1: 40, 2: 10})
	expect(t, got, map[string]float64{
		`shmbus_service_servers{service="arm/plan"}`: 2, `shmbus_service_clients{service="arm/plan"}`: 1, `shmbus_service_waiting_requests{service="arm/plan"}`: 3,
		`shmbus_service_open_calls{service="arm/plan"}`:  7,
		`shmbus_service_calls_total{service="arm/plan"}`: 50, `shmbus_service_failed_calls_total{service="arm/plan"}`: 5,
		`shmbus_service_refused_requests_total{service="arm/plan"}`:          2,
		`shmbus_service_handler_seconds{service="arm/plan",quantile="0.5"}`:  8e-6,
		`shmbus_service_handler_seconds{service="arm/plan",quantile="0.99"}`: 8e-6,
	})
	for name := range got {
		if name == `shmbus_topic_messages_total{topic="$service/arm/plan/request/1"}` {
			t.Errorf("%s is exported", name)
		}
	}
	const calls = `shmbus_service_calls_total{service="arm/plan"}`
	expect(t, serving(e, 2*second, map[registry.ID]uint64{1: 41}), map[string]float64{calls: 51})
	expect(t, serving(e, 3*second, map[registry.ID]uint64{1: 41, 3: 7}), map[string]float64{calls: 58})
	serving(e, 100*second, map[registry.ID]uint64{3: 7})
	if len(e.servers) != 1 {
		t.Errorf("%d servers are remembered", len(e.servers))
	}
	if e.Add(Scan{View: watch.View{At: 101 * second}}); len(e.services) != 0 {
		t.Errorf("%d services are remembered", len(e.services))
	}
}
