package screen

import (
	"fmt"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// many is a domain of 200 processes with 1000 topics of 1 Hz to 1 kHz, each with a subscription.
func many(at int64) (all []memberFixture) {
	for i := range 100 {
		var pubs, subs []fixture
		for k := range 10 {
			name := fmt.Sprintf("area%02d/unit%d/figure", i, k)
			pubs = append(pubs, publisher(name, "pkg.Figure", "msgpack", float64(1+i*k), 100, at, 1<<60))
			subs = append(subs, subscription(uint64(k), int64(1000*(k+1)), name))
		}
		all = append(all, member(2*registry.ID(i)+1, fmt.Sprintf("out%02d", i), pubs...), member(2*registry.ID(i)+2, fmt.Sprintf("in%02d", i), subs...))
	}
	return all
}

// What one refresh costs beside the reading of the domain: all figures of 1000 topics, and the screen.
func BenchmarkRefresh_1000Topics(b *testing.B) {
	for _, view := range []string{"1", "2", "3", "4", "5", "6"} {
		b.Run(New(nil, nil).roots[view[0]-'1'].title(), func(b *testing.B) {
			s := &script{make: many}
			m := New(s, &Options{})
			m.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
			m.Update(keyMsg(view))
			var taken []watch.Snapshot
			for range 8 {
				one, _ := s.Snapshot()
				taken = append(taken, one)
			}
			inspection := s.Inspect(taken[0].Participants, watch.WantMemory|watch.WantProcesses)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				one := taken[i%len(taken)]
				one.At = int64(i+100) * second
				inspection.At = one.At
				m.Update(snapshotMsg{snapshot: one, inspection: inspection, want: watch.WantMemory | watch.WantProcesses})
				if m.content() == "" {
					b.Fatal("nothing")
				}
			}
		})
	}
}
