package screen

import (
	"slices"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/service"
)

// serviceLines tells of each participant which services it serves and calls, by name, with the units at the other end.
func serviceLines(all []registry.Participant) map[registry.ID][]string {
	takers := make(map[string]registry.Participant) // of the topics of requests
	for _, p := range all {
		for _, e := range p.Endpoints {
			if e.Kind != registry.KindSubscription || e.AnyType {
				continue
			}
			for _, topic := range e.Patterns {
				if _, role, _ := service.ServiceOf(topic); role == "request" {
					takers[topic] = p
				}
			}
		}
	}
	type unitsOf map[string]map[string]bool // by service
	serves, calls := make(map[registry.ID]unitsOf), make(map[registry.ID]unitsOf)
	note := func(in map[registry.ID]unitsOf, id registry.ID, name, unit string) {
		if in[id] == nil {
			in[id] = make(unitsOf)
		}
		if in[id][name] == nil {
			in[id][name] = make(map[string]bool)
		}
		if unit != "" {
			in[id][name][unit] = true
		}
	}
	for _, p := range all {
		for _, e := range p.Endpoints {
			if e.Kind != registry.KindPublisher {
				continue
			}
			switch name, role, _ := service.ServiceOf(e.Topic); role {
			case "server":
				note(serves, p.ID, name, "")
			case "request":
				server, there := takers[e.Topic]
				if !there {
					note(calls, p.ID, name, "")
					continue
				}
				note(calls, p.ID, name, named(server.Unit))
				note(serves, server.ID, name, named(p.Unit))
			}
		}
	}
	lines := make(map[registry.ID][]string)
	tell := func(in map[registry.ID]unitsOf, what, arrow, none string) {
		for id, names := range in {
			for name, units := range names {
				end := none
				if len(units) > 0 {
					end = arrow + sorted(units)
				}
				lines[id] = append(lines[id], what+escape(name)+"  "+end)
			}
		}
	}
	tell(serves, "< service ", "← ", "← no client")
	tell(calls, "> service ", "→ ", "→ no server")
	for _, l := range lines {
		slices.Sort(l)
	}
	return lines
}
