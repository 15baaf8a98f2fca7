package service

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// Find returns the servers whose names match a pattern, sorted by name and key, with the present states of their processes. It waits a
// second for one that does not answer, because its process is stopped for example, unless p is read-only.
func Find(ctx context.Context, p *topic.Participant, pattern string) ([]ServerInfo, error) {
	if err := registry.CheckPattern(pattern); err != nil {
		return nil, err
	}
	found := map[topic.PublisherID]ServerInfo{}
	all, err := findAnswering(ctx, p, pattern, found)
	if err == nil && !all {
		err = findStopped(ctx, p, pattern, found)
	}
	if err != nil {
		return nil, err
	}
	servers := make([]ServerInfo, 0, len(found))
	for _, s := range found {
		s.Server.State = registry.StateOf(s.Server)
		servers = append(servers, s)
	}
	slices.SortFunc(servers, func(a, b ServerInfo) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key)) })
	return servers, nil
}

// findStopped reads also the announcements of servers that do not answer.
func findStopped(ctx context.Context, p *topic.Participant, pattern string, found map[topic.PublisherID]ServerInfo) error {
	observer, err := p.JoinReadOnly()
	if err != nil {
		return err
	}
	_, err = findAnswering(ctx, observer, pattern, found)
	return errors.Join(err, observer.Close())
}

// findAnswering reads the announcements that p can read, and reports whether these are all.
func findAnswering(ctx context.Context, p *topic.Participant, pattern string, found map[topic.PublisherID]ServerInfo) (all bool, err error) {
	sub, err := topic.NewSubscriber(ctx, p, topicOf(pattern, segmentServer), &topic.SubscriberOptions[[]byte]{Codec: descriptionCodec()})
	if err != nil {
		return false, err
	}
	defer sub.Close()
	all = !sub.WaitsForPublisher()
	for {
		s, ok, err := sub.TryReceive()
		if err != nil || !ok {
			return all, err
		}
		name, role, _ := ServiceOf(s.Topic())
		d, err := readDescription(s, name)
		if err == nil && role == segmentServer && d.Serving {
			found[s.Publisher()] = ServerInfo{Description: d, Server: s.Participant()}
		}
		s.Release()
	}
}
