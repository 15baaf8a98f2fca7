package service

import (
	"cmp"
	"context"
	"slices"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// Find returns the servers whose names match a pattern, sorted by name and key. p may be read-only.
func Find(ctx context.Context, p *topic.Participant, pattern string) ([]ServerInfo, error) {
	if err := registry.CheckPattern(pattern); err != nil {
		return nil, err
	}
	sub, err := topic.NewSubscriber(ctx, p, topicOf(pattern, segmentServer), &topic.SubscriberOptions[[]byte]{Codec: descriptionCodec()})
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	found := map[topic.PublisherID]ServerInfo{}
	for {
		s, ok, err := sub.TryReceive()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		name, role, _ := ServiceOf(s.Topic())
		d, err := readDescription(s, name)
		if err == nil && role == segmentServer && d.Serving {
			found[s.Publisher()] = ServerInfo{Description: d, Server: s.Participant()}
		}
		s.Release()
	}
	servers := make([]ServerInfo, 0, len(found))
	for _, s := range found {
		servers = append(servers, s)
	}
	slices.SortFunc(servers, func(a, b ServerInfo) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key)) })
	return servers, nil
}
