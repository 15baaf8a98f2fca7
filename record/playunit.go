package record

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/service"
)

// participantInName returns the participant with whose id the name of a service ends, as of one that sets parameters, and what is before it.
func participantInName(service string) (prefix string, id registry.ID, ok bool) {
	i := strings.LastIndexByte(service, '/') + 1
	id, err := registry.ParseID(service[i:])
	return service[:i], id, i > 0 && err == nil
}

// find finds the name of the server that gets the requests to s. A server with its participant in its name has another name when its program
// is started again: it is the one of the same unit. If there is not exactly one, s.absent says so.
func (c *callPlayer) find(ctx context.Context, s *playedService) error {
	recorded := s.summary.Service
	prefix, _, ok := participantInName(recorded)
	if !ok {
		s.name = recorded
	}
	if s.name != "" {
		return nil
	}
	servers, err := service.Find(ctx, c.p, prefix+"*")
	if err != nil {
		return err
	}
	var units, ofUnit []string
	for _, other := range servers {
		if _, id, ok := participantInName(other.Name); !ok || id != other.Server.ID {
			continue
		}
		if other.Name == recorded {
			s.name = recorded
			return nil
		}
		units = append(units, other.Server.Unit)
		if other.Server.Unit == s.unit {
			ofUnit = append(ofUnit, other.Name)
		}
	}
	if s.absent = absentServer(prefix, s.unit, len(ofUnit), units); s.absent != nil {
		return nil
	}
	s.name = ofUnit[0]
	c.mu.Lock()
	defer c.mu.Unlock()
	s.summary.SentTo, s.summary.Unit = s.name, s.unit
	return nil
}

// mostNamed is the number of units that an error names.
const mostNamed = 20

// absentServer says why there is not exactly one server of a recorded unit, which has so many, among those of units.
func absentServer(prefix, unit string, servers int, units []string) error {
	slices.Sort(units)
	units = slices.Compact(units)
	there := fmt.Sprintf("there is no service %s*", prefix)
	if len(units) > 0 {
		there = fmt.Sprintf("there are services %s* of the units %q", prefix, units[:min(len(units), mostNamed)])
		if more := len(units) - mostNamed; more > 0 {
			there += fmt.Sprintf(" and %d more", more)
		}
	}
	switch {
	case unit == "":
		return fmt.Errorf("%w, and the recording does not say of which unit it was; %s", service.ErrNoServer, there)
	case servers == 0:
		return fmt.Errorf("%w, and none is of the unit %q; %s", service.ErrNoServer, unit, there)
	case servers > 1:
		return fmt.Errorf("%w: %d participants of the unit %q have a service %s*, and none is the recorded one; let one run", service.ErrNoServer, servers, unit, prefix)
	}
	return nil
}
