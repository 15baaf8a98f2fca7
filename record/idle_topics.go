package record

import (
	"path/filepath"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// addIdleTopics is that of the recorder, for the recorder's goroutine.
func (rec *Recorder) addIdleTopics() (isGone func(topic.PublisherID) bool, _ error) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.addIdleTopicsLocked()
}

func (rec *Recorder) addIdleTopicsLocked() (isGone func(topic.PublisherID) bool, _ error) {
	return rec.r.addIdleTopics(rec.participant.Dir())
}

// addIdleTopics creates channels for the selected topics that have publishers now. If the domain cannot be read, the recording
// has only topics with messages. isGone reports whether a publisher has left the domain. It is nil if the domain is not there or
// can be read only in part. The publishers of a participant whose file was removed by hand count as gone.
func (r *recorder) addIdleTopics(dir string) (isGone func(topic.PublisherID) bool, _ error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil
	}
	o, err := registry.Observe(dir)
	if err != nil {
		return nil, nil
	}
	defer o.Close()
	all, err := o.Snapshot()
	if err != nil {
		return nil, nil
	}
	present := make(map[topic.PublisherID]bool)
	unknown := make(map[registry.ID]bool) // participants of which there may be more publishers
	for _, p := range all {
		unknown[p.ID] = p.Incomplete
		for _, e := range p.Endpoints {
			present[e.ID] = true
			if e.Kind != registry.KindPublisher || !r.opts.wants(e.Topic) || !r.opts.wantsType(e.TypeName) {
				continue
			}
			d := description{topic: e.Topic, latched: e.Latched, metadata: e.Metadata}
			d.kind.Name, d.kind.Encoding, d.kind.SchemaEncoding, d.kind.Schema = e.TypeName, e.Encoding, e.SchemaEncoding, e.Schema
			all := callDescriptions(&d)
			if all == nil {
				if t := r.opts.throttleFor(d.topic); t != nil {
					d.throttled = t.String()
				}
				all = []description{d}
			}
			for _, d := range all {
				ch, err := r.channels.of(&d)
				if err != nil {
					return nil, err
				}
				r.counts.of(d.topic, &d.kind, ch)
			}
		}
	}
	if len(all) == 0 || len(o.Errors()) > 0 {
		return nil, nil
	}
	return func(id topic.PublisherID) bool { return !present[id] && !unknown[id.Participant] }, nil
}
