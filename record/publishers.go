package record

import (
	"path/filepath"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// publishers knows what the domain says of those who publish. It looks only when an unknown one turns up.
type publishers struct {
	observer *registry.Observer // nil where the domain cannot be looked at: then nothing is known
	seen     map[topic.PublisherID]map[string]string
}

func watchPublishers(dir string) *publishers {
	p := &publishers{seen: make(map[topic.PublisherID]map[string]string)}
	if abs, err := filepath.Abs(dir); err == nil {
		if o, err := registry.Observe(abs); err == nil {
			p.observer = o
		}
	}
	return p
}

// describe returns what a channel's metadata should say of its publisher. Of one that is gone already it is only the unit.
func (p *publishers) describe(id topic.PublisherID, unit string) map[string]string {
	if _, ok := p.seen[id]; !ok && p.observer != nil {
		clear(p.seen)
		if all, err := p.observer.Look(); err == nil {
			for _, who := range all {
				p.add(&who)
			}
		}
	}
	m := map[string]string{keyPublisher: id.String(), keyUnit: unit}
	for k, v := range p.seen[id] {
		m[k] = v
	}
	return m
}

func (p *publishers) add(who *registry.Participant) {
	for _, e := range who.Entities {
		if e.Kind != registry.KindPublisher {
			continue
		}
		m := map[string]string{keyExecutable: who.Executable}
		if e.Latched {
			m[keyLatched] = "true"
		}
		p.seen[e.ID] = m
	}
}

func (p *publishers) close() {
	if p.observer != nil {
		p.observer.Close()
	}
}
