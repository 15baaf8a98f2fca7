package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
)

// unreached says which subscriptions of a topic messages of a type do not reach, and which type they want. It is empty if there is no
// such subscription.
func (a *app) unreached(name string, kind serde.Type) string {
	v, _, err := a.snapshot()
	if err != nil {
		return "" // the hint is not what the command is for
	}
	t, _ := v.Find(name)
	return unreached(t, kind)
}

// shownWants is how many types, and programs that want a type, are named.
const shownWants = 5

func unreached(t watch.Topic, kind serde.Type) string {
	pub := registry.Endpoint{TypeName: kind.Name, Encoding: kind.Encoding, SchemaEncoding: kind.SchemaEncoding, Schema: kind.Schema}
	var wants []string
	units := map[string][]string{}
	for _, s := range t.Subscribers {
		if watch.Fits(pub, s.Endpoint) {
			continue
		}
		want := wanted(pub, s.Endpoint)
		if units[want] == nil {
			wants = append(wants, want)
		}
		units[want] = append(units[want], s.Owner.Unit)
	}
	var parts []string
	for _, want := range wants[:min(len(wants), shownWants)] {
		programs := units[want]
		verb := "want"
		if len(programs) == 1 {
			verb = "wants"
		}
		number := text.Many(len(programs), "subscription")
		slices.Sort(programs)
		if programs = slices.Compact(programs); len(programs) > shownWants {
			programs = append(programs[:shownWants], "...")
		}
		parts = append(parts, fmt.Sprintf("%s %s %s (%s)", number, verb, want, strings.Join(programs, ", ")))
	}
	if len(wants) > shownWants {
		parts = append(parts, "...")
	}
	return strings.Join(parts, ", ")
}

// wanted describes the type of a subscription that a publisher does not reach.
func wanted(pub, sub registry.Endpoint) string {
	s := fmt.Sprintf("encoding %q", sub.Encoding)
	if sub.TypeName != "" {
		s = fmt.Sprintf("%s in encoding %q", sub.TypeName, sub.Encoding)
	}
	if sub.TypeName == pub.TypeName && sub.Encoding == pub.Encoding {
		s += " with another schema"
	}
	return s
}
