package record

import (
	"path/filepath"

	"github.com/shmbus/shmbus/registry"
)

// addIdleTopics creates channels for the selected topics that have publishers now. If the domain cannot be read, the
// recording has only topics with messages.
func (r *recorder) addIdleTopics(dir string, wants func(topic string) bool) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	o, err := registry.Observe(dir)
	if err != nil {
		return nil
	}
	defer o.Close()
	all, err := o.Snapshot()
	if err != nil {
		return nil
	}
	for _, p := range all {
		for _, e := range p.Endpoints {
			if e.Kind != registry.KindPublisher || !wants(e.Topic) {
				continue
			}
			d := description{topic: e.Topic, latched: e.Latched, metadata: e.Metadata}
			d.kind.Name, d.kind.Encoding, d.kind.SchemaEncoding, d.kind.Schema = e.TypeName, e.Encoding, e.SchemaEncoding, e.Schema
			if _, err := r.channels.of(&d); err != nil {
				return err
			}
			r.summaryOf(d.topic, &d.kind)
		}
	}
	return nil
}
