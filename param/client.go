package param

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// A Client reads, watches and sets the parameters of another participant.
type Client struct {
	p     *topic.Participant
	owner string
	id    registry.ID // of the owner; 0 if it is named by its unit

	sub     *topic.Subscriber[announcement]
	receive sync.WaitGroup
	cancel  context.CancelFunc

	mu      sync.Mutex
	closed  bool
	owners  map[registry.ID]*owner
	changed chan struct{} // closed and replaced when owners changed
}

// An owner is a participant of the wanted name, and what it has published.
type owner struct {
	participant registry.Participant
	parameters  map[string]Info
	sets        *service.Client[setting, uint64] // made by the first Set
}

// An Info describes a parameter.
type Info struct {
	Name        string
	Description string
	ReadOnly    bool
	Value       Value
	Owner       registry.Participant
	Revision    uint64 // grows with each change of a parameter of this owner
}

// Open opens the parameters of a participant: by its id as text, or by the name of its unit, also one that is not there yet and one that
// starts again. It returns when those that are there can be read. ctx bounds only this.
func Open(ctx context.Context, p *topic.Participant, owner string) (*Client, error) {
	c := &Client{p: p, owner: owner, owners: ownersOf(), changed: make(chan struct{})}
	pattern := Prefix + "*"
	if id, err := registry.ParseID(owner); err == nil {
		c.id, pattern = id, Prefix+owner
	}
	sub, err := topic.NewSubscriber(ctx, p, pattern, &topic.SubscriberOptions[announcement]{Codec: announcementCodec(), Ended: c.ended})
	if err != nil {
		return nil, err
	}
	c.sub = sub
	for { // what there is
		s, ok, err := sub.TryReceive()
		if err != nil {
			return nil, errors.Join(err, sub.Close())
		}
		if !ok {
			break
		}
		c.take(s)
	}
	var receiving context.Context
	receiving, c.cancel = context.WithCancel(context.Background())
	c.receive.Go(func() {
		for {
			s, err := sub.Receive(receiving)
			if err != nil {
				return
			}
			c.take(s)
		}
	})
	return c, nil
}

func ownersOf() map[registry.ID]*owner { return map[registry.ID]*owner{} }

// take takes what a server has published.
func (c *Client) take(s topic.Sample[announcement]) {
	defer s.Release()
	i, ok := announced(s)
	if !ok || c.id == 0 && i.Owner.Unit != c.owner {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.owners[i.Owner.ID]
	if o == nil {
		o = &owner{participant: i.Owner, parameters: map[string]Info{}}
		c.owners[i.Owner.ID] = o
	}
	if _, known := o.parameters[i.Name]; !known && len(o.parameters) >= MaxParameters {
		return
	}
	o.parameters[strings.Clone(i.Name)] = i
	c.signal()
}

// announced returns the parameter in a sample. Another participant cannot speak for its owner.
func announced(s topic.Sample[announcement]) (i Info, ok bool) {
	from := s.Participant()
	if s.Topic() != Prefix+from.ID.String() || len(s.Bytes()) > MaxSize {
		return i, false
	}
	a, err := s.Value()
	if err != nil || checkName(a.Name) != nil {
		return i, false
	}
	v, err := fromWire(a.Value)
	return Info{Name: a.Name, Description: a.Description, ReadOnly: a.ReadOnly, Value: v, Owner: from, Revision: a.Revision}, err == nil
}

// ended is called when a server is gone.
func (c *Client) ended(id topic.PublisherID) {
	c.mu.Lock()
	o := c.owners[id.Participant]
	delete(c.owners, id.Participant)
	c.signal()
	c.mu.Unlock()
	if o != nil && o.sets != nil {
		_ = o.sets.Close() // its calls have failed
	}
}

// signal wakes those that wait for a change. Called with mu held.
func (c *Client) signal() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// current returns the owner. Called with mu held.
func (c *Client) current() (*owner, error) {
	switch {
	case c.closed:
		return nil, fmt.Errorf("parameters of %q: the client is closed: %w", c.owner, os.ErrClosed)
	case len(c.owners) == 0:
		return nil, fmt.Errorf("parameters of %q: %w", c.owner, ErrNoOwner)
	case len(c.owners) == 1:
		for _, o := range c.owners {
			return o, nil
		}
	}
	var names []string
	for id, o := range c.owners {
		names = append(names, fmt.Sprintf("%v (pid %d)", id, o.participant.PID))
	}
	return nil, fmt.Errorf("parameters of %q: %w: %s", c.owner, ErrAmbiguous, strings.Join(names, ", "))
}

// await waits until done returns true or an error. done runs with mu held.
func (c *Client) await(ctx context.Context, done func() (bool, error)) error {
	for {
		c.mu.Lock()
		ok, err := done()
		changed := c.changed
		c.mu.Unlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("parameters of %q: %w", c.owner, ctx.Err())
		}
	}
}

// WaitForOwner waits until the participant is there.
func (c *Client) WaitForOwner(ctx context.Context) error {
	return c.await(ctx, func() (bool, error) {
		_, err := c.current()
		if errors.Is(err, ErrNoOwner) {
			return false, nil
		}
		return true, err
	})
}

// Close closes the client. Further calls do nothing.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	owners := c.owners
	c.owners = ownersOf()
	c.signal()
	c.mu.Unlock()
	c.cancel()
	errs := []error{c.sub.Close()}
	c.receive.Wait()
	for _, o := range owners {
		if o.sets != nil {
			errs = append(errs, o.sets.Close())
		}
	}
	return errors.Join(errs...)
}
