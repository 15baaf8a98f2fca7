package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// registerTimeout bounds the wait for another server that finds out at the same time whether it may have the name.
const registerTimeout = 2 * time.Second

// A registration is the announcement of a server. docs/protocol.md has the steps by which one of several servers gets a name.
type registration struct {
	p        *topic.Participant
	d        Description
	announce *topic.Publisher[[]byte]
}

// register announces a server and returns when it has the name, or with a *ServerExistsError.
func register(ctx context.Context, p *topic.Participant, d Description) (_ *registration, err error) {
	observer, err := p.JoinReadOnly()
	if err != nil {
		return nil, fmt.Errorf("look for other servers of %q: %w", d.Name, err)
	}
	defer func() { err = errors.Join(err, observer.Close()) }()
	if err := refuseOthers(ctx, observer, d, func(other Description) bool { return other.Serving }); err != nil {
		return nil, err
	}
	r := &registration{p: p, d: d}
	r.announce, err = topic.NewPublisher(ctx, p, topicOf(d.Name, segmentServer), &topic.PublisherOptions[[]byte]{
		Codec: descriptionCodec(), Depth: 2, Latched: true, NeverWaits: true, MaxPayload: maxDescription,
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.announce.Close())
		}
	}()
	if err := r.publish(ctx); err != nil {
		return nil, err
	}
	failpoint.At("register.announce")
	if err := refuseOthers(ctx, observer, d, func(other Description) bool { return other.Serving || other.Key < d.Key }); err != nil {
		return nil, err
	}
	failpoint.At("register.check")
	return r, nil
}

// serve tells clients that the server takes requests.
func (r *registration) serve(ctx context.Context) error {
	r.d.Serving = true
	err := r.publish(ctx)
	failpoint.At("register.serving")
	return err
}

func (r *registration) publish(ctx context.Context) error {
	b, err := r.d.encode()
	if err != nil {
		return err
	}
	_, err = r.announce.Publish(ctx, b)
	return err
}

// mayRespond returns a *registry.ForbiddenError if the policy does not let this process publish responses.
func mayRespond(ctx context.Context, p *topic.Participant, d Description) error {
	name := topicOf(d.Name, segmentResponse, keyName(d.Key))
	policy, err := registry.LoadPolicy(p.Dir())
	if err != nil {
		return err
	}
	if _, ok := policy.RuleFor(registry.KindPublisher, name); !ok {
		return nil
	}
	pub, err := topic.NewPublisher(ctx, p, name, &topic.PublisherOptions[[]byte]{Codec: descriptionCodec(), NeverWaits: true})
	if err != nil {
		return err
	}
	return pub.Close()
}

// refuseOthers returns nil when no other server of the name is left that d cannot be beside. yields says whether d gives way to another
// one; otherwise it waits until that server serves, or gives way. The participant only reads, so that it needs no answer of a server whose
// process is stopped.
func refuseOthers(ctx context.Context, observer *topic.Participant, d Description, yields func(Description) bool) error {
	var mu sync.Mutex
	ended := map[topic.PublisherID]bool{}
	sub, err := topic.NewSubscriber(ctx, observer, topicOf(d.Name, segmentServer), &topic.SubscriberOptions[[]byte]{
		Codec: descriptionCodec(),
		Ended: func(id topic.PublisherID) {
			mu.Lock()
			defer mu.Unlock()
			ended[id] = true
		},
	})
	if err != nil {
		return fmt.Errorf("look for other servers of %q: %w", d.Name, err)
	}
	defer sub.Close()
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	others := map[topic.PublisherID]ServerInfo{}
	for {
		if err := readAnnouncements(sub, d.Name, others); err != nil {
			return err
		}
		var undecided *ServerInfo
		mu.Lock()
		for id, other := range others {
			dead, _ := registry.IsDead(observer.Dir(), other.Server.ID)
			switch {
			case ended[id] || dead || other.Name == "" || other.Key == d.Key || other.Group && d.Group:
				delete(others, id)
			case yields(other.Description):
				mu.Unlock()
				return &ServerExistsError{Service: d.Name, Server: other.Server, Group: d.Group || other.Group}
			default:
				undecided = &other
			}
		}
		mu.Unlock()
		if undecided == nil {
			return nil
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("wait for another server that registers: %w", &ServerExistsError{Service: d.Name, Server: undecided.Server, Group: d.Group || undecided.Group})
		}
	}
}

// readAnnouncements puts what has arrived of the servers of a name into a map, without a Description if that can not be read.
func readAnnouncements(sub *topic.Subscriber[[]byte], name string, servers map[topic.PublisherID]ServerInfo) error {
	for {
		s, ok, err := sub.TryReceive()
		if err != nil || !ok {
			return err
		}
		d, err := readDescription(s, name)
		s.Release()
		if err != nil {
			d = Description{}
		}
		if _, known := servers[s.Publisher()]; err == nil || !known {
			servers[s.Publisher()] = ServerInfo{Description: d, Server: s.Participant()}
		}
	}
}

// readDescription reads an announcement, which another process may write meanwhile.
func readDescription(s topic.Sample[[]byte], name string) (d Description, err error) {
	var own []byte
	err = s.Read(func(b []byte) error {
		if len(b) > maxDescription {
			return fmt.Errorf("read the description of a server of %q: it has %d bytes, more than %d", name, len(b), maxDescription)
		}
		own = append(own, b...)
		return nil
	})
	if err != nil {
		return d, err
	}
	return parseAnnouncement(own, name)
}
