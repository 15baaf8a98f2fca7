package metrics

import (
	"maps"
	"slices"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
)

// A serviceTotals is the figures of a service. Its counters go on when a server restarts.
type serviceTotals struct {
	calls, failed, refused float64
	service                services.Service
}

// addServices takes in the services of a scan.
func (e *Exporter) addServices(s Scan) {
	all := make(map[string]*serviceTotals)
	for _, one := range s.Services {
		total := &serviceTotals{}
		if was := e.services[one.Name]; was != nil {
			*total = *was
		}
		total.service = one
		all[one.Name] = total
	}
	for id, f := range s.Figures {
		if total := all[f.Service]; total != nil {
			grown := grow(e.servers, id, s.View.At, [3]uint64{f.Calls, f.Failed, f.Refused})
			total.calls, total.failed, total.refused = total.calls+float64(grown[0]), total.failed+float64(grown[1]), total.refused+float64(grown[2])
		}
	}
	forgetOld(e.servers, s.View.At)
	e.services = all
}

func (e *Exporter) ofServices() []*family {
	servers := gauge("shmbus_service_servers", "Servers of a service.")
	clients := gauge("shmbus_service_clients", "Clients that are connected to the servers of a service.")
	calls := counter("shmbus_service_calls_total", "Requests that a handler answered.")
	failed := counter("shmbus_service_failed_calls_total", "Of these, those that were answered with an error.")
	refused := counter("shmbus_service_refused_requests_total", "Requests that break the protocol or cannot be decoded.")
	open := gauge("shmbus_service_open_calls", "Calls that are not answered, with those that wait.")
	queue := gauge("shmbus_service_waiting_requests", "Requests that no server has taken.")
	took := summary("shmbus_service_handler_seconds", "Upper bound of the time of handlers in the servers' lives, within a factor of two.")
	for _, name := range slices.Sorted(maps.Keys(e.services)) {
		t := e.services[name]
		servers.add(float64(len(t.service.Servers)), "service", name)
		clients.add(float64(t.service.Clients), "service", name)
		calls.add(t.calls, "service", name)
		failed.add(t.failed, "service", name)
		refused.add(t.refused, "service", name)
		open.add(float64(t.service.Open()), "service", name)
		queue.add(float64(t.service.Queue), "service", name)
		if p50, p99 := t.service.P50(), t.service.P99(); p50 >= 0 {
			took.add(p50.Seconds(), "service", name, "quantile", "0.5")
			took.add(p99.Seconds(), "service", name, "quantile", "0.99")
		}
	}
	return []*family{servers, clients, calls, failed, refused, open, queue, took}
}
