package record

import (
	"cmp"
	"slices"
	"sync"

	"github.com/shmbus/shmbus/topic"
)

// liveLosses are the losses of topics as they were told. The zero value is ready.
type liveLosses struct {
	mu   sync.Mutex
	told map[string]uint64 // by topic
}

// topicsWithLosses returns what is known of each topic, sorted by name. Its losses include what publishers have overwritten up to now, which
// the counts have only when the next sample is taken: while the cache is full the recorder takes none. A loss that moves to the counts
// meanwhile may be in neither; as no loss is ever undone, the topic then keeps what was told of it before.
func (rec *Recorder) topicsWithLosses() []TopicSummary {
	topics := rec.r.counts.summaries() // before the rings: nothing is counted twice
	var overwritten map[string]TopicSummary
	if !rec.r.pause.is.Load() {
		overwritten = rec.r.overwritten(rec.sub.Overwritten())
	}
	for i := range topics {
		t := &topics[i]
		t.Lost += overwritten[t.Topic].Lost
		delete(overwritten, t.Topic)
	}
	for _, t := range overwritten { // which was not among the counts: no message was taken
		topics = append(topics, t)
	}
	slices.SortFunc(topics, func(a, b TopicSummary) int { return cmp.Compare(a.Topic, b.Topic) })
	rec.liveLosses.keep(topics)
	return topics
}

// keep gives the topics the losses that were told before, if these are greater.
func (l *liveLosses) keep(topics []TopicSummary) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range topics {
		t := &topics[i]
		before, now := l.told[t.Topic], t.Lost
		if t.Lost = max(now, before); t.Lost == before {
			continue
		}
		if l.told == nil {
			l.told = make(map[string]uint64)
		}
		l.told[t.Topic] = t.Lost
	}
}

// overwritten returns the losses of the recorded topics among these. It may be called on any goroutine.
func (r *recorder) overwritten(all []topic.Overwritten) map[string]TopicSummary {
	topics := make(map[string]TopicSummary)
	for _, o := range all {
		t := TopicSummary{Topic: o.Topic}
		if src := r.sources.find(o.Publisher); src != nil {
			if src.unwanted {
				continue
			}
			t.Topic = src.counts.topic
		} else {
			calls := callDescriptions(&description{topic: o.Topic, kind: o.Type})
			if !r.opts.records(o.Topic, o.Type.Name, calls) {
				continue
			}
			kind := o.Type
			if len(calls) > 0 {
				values := &calls[min(1, len(calls)-1)] // as openCalls counts them
				t.Topic, kind = values.topic, values.kind
			}
			t.Type, t.Encoding = kind.Name, kind.Encoding
			r.counts.of(t.Topic, &kind, nil) // so that it is told of the topic from now on
		}
		t.Lost = topics[t.Topic].Lost + o.Samples
		topics[t.Topic] = t
	}
	return topics
}
