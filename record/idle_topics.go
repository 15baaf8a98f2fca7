package record

import (
	"path/filepath"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// addIdleTopics creates channels for the selected topics that have publishers now, and returns all publishers of the domain.
// If the domain cannot be read, the recording has only topics with messages. If it is not there or can be read only in part,
// the publishers are nil.
func (r *recorder) addIdleTopics(dir string, wants func(topic string) bool) (present map[topic.PublisherID]bool, _ error) {
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
	if len(all) > 0 && len(o.Errors()) == 0 {
		present = make(map[topic.PublisherID]bool)
	}
	for _, p := range all {
		for _, e := range p.Endpoints {
			if present != nil {
				present[e.ID] = true
			}
			if e.Kind != registry.KindPublisher || !wants(e.Topic) {
				continue
			}
			d := description{topic: e.Topic, latched: e.Latched, metadata: e.Metadata}
			d.kind.Name, d.kind.Encoding, d.kind.SchemaEncoding, d.kind.Schema = e.TypeName, e.Encoding, e.SchemaEncoding, e.Schema
			if _, err := r.channels.of(&d); err != nil {
				return present, err
			}
			r.summaryOf(d.topic, &d.kind)
		}
	}
	return present, nil
}
