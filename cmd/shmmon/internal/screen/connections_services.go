package screen

import (
	"slices"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/service"
)

// callsIn returns the connections of clients to servers of services: those of their requests. A subscription of any type, such as that of a
// recorder, is no server.
func callsIn(t *watch.Tracker, v watch.View, x watch.Inspection) []connection {
	v.Topics = slices.Clone(v.Topics)
	v.Topics = slices.DeleteFunc(v.Topics, func(t topic) bool {
		_, role, _ := service.ServiceOf(t.Name)
		return role != "request"
	})
	return slices.DeleteFunc(t.Connections(v, x), func(c connection) bool { return c.Subscriber.Endpoint.AnyType })
}

// serviceOf returns the name of the service that a connection stands for, or "": where all topics are shown, those of services are topics.
func (m *Model) serviceOf(c connection) string {
	if m.opts.All {
		return ""
	}
	name, role, _ := service.ServiceOf(c.Topic)
	if role != "request" {
		return ""
	}
	return name
}

// nameOf returns what a connection is of, for the terminal.
func (m *Model) nameOf(c connection) string {
	if name := m.serviceOf(c); name != "" {
		return "service " + escape(name)
	}
	return escape(c.Topic)
}
