package watch

// HistoryLength is the number of views whose figures are kept.
const HistoryLength = 120

// A History keeps the figures of topics over time. The zero value is ready. It is for one goroutine at a time.
type History struct {
	topics map[string]*Series
	lost   map[string]uint64
	added  uint64
}

// A Series has the figures of one topic, oldest first.
type Series struct {
	Rate, Bandwidth, Lost, P99 []float64
	seen                       uint64
}

// Add takes in a view.
func (h *History) Add(v View) {
	if h.topics == nil {
		h.topics, h.lost = make(map[string]*Series), make(map[string]uint64)
	}
	h.added++
	for _, t := range v.Topics {
		s := h.topics[t.Name]
		lost := t.Lost + t.LostShared
		if s == nil {
			s = &Series{}
			h.topics[t.Name], h.lost[t.Name] = s, lost
		}
		s.seen = h.added
		s.Rate = keep(s.Rate, t.Rate)
		s.Bandwidth = keep(s.Bandwidth, t.Bandwidth)
		s.P99 = keep(s.P99, float64(max(0, t.P99)))
		s.Lost = keep(s.Lost, float64(increase(h.lost[t.Name], lost)))
		h.lost[t.Name] = lost
	}
	for name, s := range h.topics {
		if s.seen != h.added {
			delete(h.topics, name)
			delete(h.lost, name)
		}
	}
}

// keep appends a figure to a series of limited length, without growing it for ever.
func keep(series []float64, v float64) []float64 {
	if len(series) == HistoryLength {
		copy(series, series[1:])
		series[len(series)-1] = v
		return series
	}
	if series == nil {
		series = make([]float64, 0, HistoryLength)
	}
	return append(series, v)
}

// Of returns the figures of a topic. They change with the next Add.
func (h *History) Of(topic string) Series {
	if s := h.topics[topic]; s != nil {
		return *s
	}
	return Series{}
}

// increase is the growth of a counter. The counter belongs to another process and may decrease.
func increase(from, to uint64) uint64 {
	if to < from {
		return 0
	}
	return to - from
}
