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
	publisher   topic.PublisherID // of its server
	parameters  map[string]Info
	sets        *service.Client[setting, uint64] // made by the first Set
	calls       int                              // that use sets
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
// starts again. It returns when those that are there can be read, after a second if a process is stopped. ctx bounds only this.
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
	if err := errors.Join(c.takeAll(sub), c.takeSilent(ctx, pattern)); err != nil {
		return nil, errors.Join(err, sub.Close())
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

// takeAll takes what there is.
func (c *Client) takeAll(sub *topic.Subscriber[announcement]) error {
	for {
		s, ok, err := sub.TryReceive()
		if err != nil || !ok {
			return err
		}
		c.take(s)
	}
}

// takeSilent takes what there is of owners that have not answered, because their processes are stopped for example.
func (c *Client) takeSilent(ctx context.Context, pattern string) (err error) {
	if !c.sub.WaitsForPublisher() {
		return nil
	}
	observer, err := c.p.JoinReadOnly()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, observer.Close()) }()
	sub, err := topic.NewSubscriber(ctx, observer, pattern, &topic.SubscriberOptions[announcement]{Codec: announcementCodec()})
	if err != nil {
		return err
	}
	defer sub.Close()
	return c.takeAll(sub)
}

func ownersOf() map[registry.ID]*owner { return map[registry.ID]*owner{} }

// take takes what a server has published.
func (c *Client) take(s topic.Sample[announcement]) {
	defer s.Release()
	i, ok := announced(s)
	if !ok || c.id == 0 && i.Owner.Unit != c.owner {
		return
	}
	if unused := c.store(i, s.Publisher()); unused != nil {
		_ = unused.Close()
	}
}

// store stores what the publisher of a server says. It returns the client of a server that was there before, if no call uses it. A server
// that is made again has a publisher of a higher number, and may be heard before the end of the one before.
func (c *Client) store(i Info, from topic.PublisherID) (unused *service.Client[setting, uint64]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.owners[i.Owner.ID]
	if o != nil && from.Number < o.publisher.Number {
		return nil
	}
	if o == nil || o.publisher != from {
		unused = o.unused()
		o = &owner{participant: i.Owner, publisher: from, parameters: map[string]Info{}}
		c.owners[i.Owner.ID] = o
	}
	_, known := o.parameters[i.Name]
	if i.Name != "" && (known || len(o.parameters) < MaxParameters) { // without a name it is the owner itself
		o.parameters[strings.Clone(i.Name)] = i
	}
	c.signal()
	return unused
}

// unused returns the client of an owner's service if there is one and no call uses it, as release closes it otherwise. Called with mu held.
func (o *owner) unused() *service.Client[setting, uint64] {
	if o == nil || o.calls > 0 {
		return nil
	}
	return o.sets
}

// announced returns the parameter in a sample, with no name if that announces the owner alone. Another participant cannot speak for its
// owner.
func announced(s topic.Sample[announcement]) (i Info, ok bool) {
	from := s.Participant()
	if s.Topic() != Prefix+from.ID.String() || len(s.Bytes()) > MaxSize {
		return i, false
	}
	a, err := s.Value()
	switch {
	case err != nil:
		return i, false
	case a.Name == "":
		return Info{Owner: from}, true
	case checkName(a.Name) != nil:
		return i, false
	}
	v, err := fromWire(a.Value)
	return Info{Name: a.Name, Description: a.Description, ReadOnly: a.ReadOnly, Value: v, Owner: from, Revision: a.Revision}, err == nil
}

// ended is called when a server is gone.
func (c *Client) ended(id topic.PublisherID) {
	c.mu.Lock()
	o := c.owners[id.Participant]
	if o == nil || o.publisher != id {
		c.mu.Unlock()
		return
	}
	delete(c.owners, id.Participant)
	c.signal()
	unused := o.unused()
	c.mu.Unlock()
	if unused != nil {
		_ = unused.Close()
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

// Owner returns the participant, with the present state of its process. The error is ErrNoOwner or ErrAmbiguous.
func (c *Client) Owner() (registry.Participant, error) {
	c.mu.Lock()
	o, err := c.current()
	c.mu.Unlock()
	if err != nil {
		return registry.Participant{}, err
	}
	owner := o.participant
	owner.State = registry.StateOf(owner)
	return owner, nil
}

// WaitForOwner waits until the participant is there and has a server, if without parameters.
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
