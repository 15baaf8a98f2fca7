package watch

import "github.com/shmbus/shmbus/registry"

// recentFaults is for how long a fault that was counted is part of the health, ns.
const recentFaults = int64(10e9)

// A Health says whether all is well in a domain.
type Health struct {
	Processes, Stopped, Dead  int
	Topics, Stale, Mismatched int
	// What was counted in the last ten seconds.
	Lost, Undecodable, Failed uint64
	Left                      int     // parts of the domain that could not be read
	Free                      float64 // part of the file system that is left; -1: not known
	Rate, Bandwidth           float64
	Worst                     int64 // the greatest p99 of a topic, ns; -1: none was sampled
	WorstTopic                string
}

// OK reports whether nothing is wrong.
func (h *Health) OK() bool {
	return h.Stopped+h.Dead+h.Stale+h.Mismatched+h.Left == 0 && h.Lost+h.Undecodable+h.Failed == 0 && !h.NearlyFull()
}

// NearlyFull reports whether less than a tenth of the file system is left, as doctor warns of.
func (h *Health) NearlyFull() bool { return h.Free >= 0 && h.Free < 0.1 }

// A Pulse finds the health of a domain in its views. The zero value is ready. It is for one goroutine at a time.
type Pulse struct {
	counted []counted // in the last seconds, oldest first
}

type counted struct {
	at int64
	Faults
}

// Add takes in a view, what was counted since the view before, and the inspection.
func (p *Pulse) Add(v View, grown Faults, x Inspection) Health {
	h := Health{Free: -1, Worst: -1, Rate: v.Rate, Bandwidth: v.Bandwidth, Left: len(v.Problems), Topics: Present(v.Topics), Dead: len(v.Died)}
	for i := range v.Participants {
		switch m := &v.Participants[i]; {
		case !m.Alive:
			h.Dead++
		case m.State == registry.StateStopped:
			h.Stopped++
			h.Processes++
		default:
			h.Processes++
		}
	}
	for i := range v.Topics {
		t := &v.Topics[i]
		if t.State == Stale {
			h.Stale++
		}
		h.Mismatched += t.Mismatched
		if t.P99 > h.Worst && !t.DelayShared {
			h.Worst, h.WorstTopic = t.P99, t.Name
		}
	}
	if x.SpaceOK && x.Space.Size > 0 {
		h.Free = float64(x.Space.Available) / float64(x.Space.Size)
	}
	if grown != (Faults{}) {
		p.counted = append(p.counted, counted{v.At, grown})
	}
	for len(p.counted) > 0 && v.At-p.counted[0].at >= recentFaults {
		p.counted = p.counted[1:]
	}
	for _, c := range p.counted {
		h.Lost += c.Lost
		h.Undecodable += c.Undecodable
		h.Failed += c.Failed
	}
	return h
}
