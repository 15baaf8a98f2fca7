package watch

import (
	"math"
	"testing"

	"github.com/shmbus/shmbus/registry"
)

// The losses of a subscription with several publishers are told as far as the cursors of its links tell them.
func TestLosses_OfLinks(t *testing.T) {
	const depth = 16
	x, y := registry.EndpointID{Participant: 1, Number: 1}, registry.EndpointID{Participant: 1, Number: 2}
	for name, c := range map[string]struct {
		lost, taken, dropped, backlog uint64
		published                     [2]uint64
		links                         []Link
		want                          [2]Loss
	}{
		"none lost":                   {0, 150, 0, 0, [2]uint64{100, 50}, []Link{{Publisher: x, Start: 1, Next: 101}, {Publisher: y, Start: 1, Next: 51}}, [2]Loss{}},
		"one publisher":               {20, 80, 0, 0, [2]uint64{100, 0}, []Link{{Publisher: x, Start: 1, Next: 101}}, [2]Loss{{20, 20, 20}}},
		"two publishers":              {20, 130, 0, 0, [2]uint64{100, 50}, []Link{{Publisher: x, Start: 1, Next: 101}, {Publisher: y, Start: 1, Next: 51}}, [2]Loss{{0, 20, 20}, {0, 20, 20}}},
		"one at rest":                 {20, 80, 0, 0, [2]uint64{100, 7}, []Link{{Publisher: x, Start: 1, Next: 101}, {Publisher: y, Start: 8, Next: 8}}, [2]Loss{{20, 20, 20}, {0, 0, 20}}},
		"one slow":                    {20, 83, 0, 0, [2]uint64{100, 3}, []Link{{Publisher: x, Start: 1, Next: 101}, {Publisher: y, Start: 1, Next: 4}}, [2]Loss{{17, 20, 20}, {0, 3, 20}}},
		"a publisher before":          {20, 500, 0, 0, [2]uint64{100, 0}, []Link{{Publisher: x, Start: 1, Next: 101}}, [2]Loss{{0, 20, 20}}},
		"dropped of one before":       {20, 80, 5, 0, [2]uint64{100, 0}, []Link{{Publisher: x, Start: 1, Next: 101}}, [2]Loss{{0, 20, 20}}},
		"overwritten, not taken":      {84, 5, 0, 84, [2]uint64{100, 5}, []Link{{Publisher: x, Start: 1, Next: 1}, {Publisher: y, Start: 1, Next: 6}}, [2]Loss{{84, 84, 84}, {0, 0, 84}}},
		"overwritten and lost before": {94, 100, 0, 84, [2]uint64{200, 10}, []Link{{Publisher: x, Start: 1, Next: 101}, {Publisher: y, Start: 1, Next: 11}}, [2]Loss{{84, 94, 94}, {0, 10, 94}}},
		"takes meanwhile":             {10, 100, 0, 0, [2]uint64{200, 0}, []Link{{Publisher: x, Start: 1, Next: 101}}, [2]Loss{{0, 10, 10}}},
		"start not known":             {20, 130, 0, 0, [2]uint64{100, 50}, []Link{{Publisher: x, Next: 101}, {Publisher: y, Start: 1, Next: 6}}, [2]Loss{{15, 20, 20}, {0, 5, 20}}},
		"impossible figures": {math.MaxUint64, 1, 0, 0, [2]uint64{100, 50}, []Link{{Publisher: x, Start: 1 << 60, Next: 3}, {Publisher: y, Start: 1, Next: math.MaxUint64 - 1}},
			[2]Loss{{1 << 48, 1 << 48, math.MaxUint64}, {1 << 48, 1 << 48, math.MaxUint64}}},
	} {
		f := registry.SubscriptionStats{Lost: c.lost, Messages: c.taken, Dropped: c.dropped}
		published := make(map[registry.EndpointID]Publisher)
		for i, id := range []registry.EndpointID{x, y} {
			published[id] = Publisher{Endpoint: registry.Endpoint{Depth: depth}, Stats: registry.PublisherStats{Messages: c.published[i]}}
		}
		links := make([]*Link, len(c.links))
		for i := range c.links {
			links[i] = &c.links[i]
		}
		got := losses(f, Backlog{Lost: c.backlog}, links, published)
		if len(got) != len(links) || got[x].Loss != c.want[0] || got[y].Loss != c.want[1] {
			t.Errorf("%s: %+v and %+v, want %+v", name, got[x].Loss, got[y].Loss, c.want)
		}
	}
}

func TestLoss_Text(t *testing.T) {
	for want, l := range map[string]Loss{"0": {}, "7": {7, 7, 9}, "≤7": {0, 7, 9}, "~9": {0, 9, 9}} {
		if got := l.Text(); got != want {
			t.Errorf("%+v is %q, not %q", l, got, want)
		}
	}
}
