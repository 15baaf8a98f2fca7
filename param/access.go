package param

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/service"
)

// List returns all parameters, sorted by name. The error is ErrNoOwner or ErrAmbiguous.
func (c *Client) List() ([]Info, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, err := c.current()
	if err != nil {
		return nil, err
	}
	list := make([]Info, 0, len(o.parameters))
	for _, info := range o.parameters {
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b Info) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Get returns a parameter. The error is ErrUnknown, ErrNoOwner or ErrAmbiguous.
func (c *Client) Get(name string) (Info, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, err := c.current()
	if err != nil {
		return Info{}, err
	}
	info, ok := o.parameters[name]
	if !ok {
		return Info{}, fmt.Errorf("parameter %q of %q: %w", name, c.owner, ErrUnknown)
	}
	return info, nil
}

// Get returns the value of a parameter of a client, or ErrType if it has another type.
func Get[T Type](c *Client, name string) (v T, err error) {
	info, err := c.Get(name)
	if err != nil {
		return v, err
	}
	return As[T](info.Value)
}

// Set sets a parameter. It returns when the owner has taken or refused the value. The error is ErrUnknown, ErrType, ErrReadOnly,
// ErrRefused with the owner's reason, ErrNoOwner, ErrAmbiguous, or one of a call of package service.
func (c *Client) Set(ctx context.Context, name string, v Value) error {
	owner, sets, err := c.setter(ctx)
	if err != nil {
		return err
	}
	revision, err := sets.Call(ctx, setting{name, toWire(v)})
	if err != nil {
		return fromHandlerError(name, err)
	}
	return c.await(ctx, func() (bool, error) { // so that Get returns it
		o := c.owners[owner]
		return o == nil || o.parameters[name].Revision >= revision, nil
	})
}

// setter returns the owner and the client of its service.
func (c *Client) setter(ctx context.Context) (registry.ID, *service.Client[setting, uint64], error) {
	c.mu.Lock()
	o, err := c.current()
	if err != nil || o.sets != nil {
		defer c.mu.Unlock()
		if err != nil {
			return 0, nil, err
		}
		return o.participant.ID, o.sets, nil
	}
	id := o.participant.ID
	c.mu.Unlock()
	sets, err := service.NewClient[setting, uint64](ctx, c.p, servicePrefix+id.String(), nil)
	if err != nil {
		return 0, nil, err
	}
	c.mu.Lock()
	if o.sets == nil && c.owners[id] == o {
		o.sets = sets
		c.mu.Unlock()
		return id, sets, nil
	}
	other := o.sets
	c.mu.Unlock()
	err = sets.Close()
	if other == nil { // the owner has gone meanwhile, or the client is closed
		return 0, nil, errors.Join(fmt.Errorf("parameters of %q: %w", c.owner, ErrNoOwner), err)
	}
	return id, other, err
}

// Watch yields all parameters, and then each that has changed, with its newest value, until ctx ends or the caller leaves the loop. Those
// that are there at once come in the order of their names. It goes on with an owner that starts again, if that is named by its unit. The
// last yield has the error of ctx, os.ErrClosed or ErrAmbiguous.
func (c *Client) Watch(ctx context.Context) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		var of registry.ID
		seen := map[string]uint64{}
		for {
			var news []Info
			err := c.await(ctx, func() (bool, error) {
				o, err := c.current()
				if errors.Is(err, ErrNoOwner) {
					return false, nil
				}
				if err != nil {
					return false, err
				}
				if o.participant.ID != of {
					of = o.participant.ID
					clear(seen)
				}
				for _, info := range o.parameters {
					if info.Revision > seen[info.Name] {
						news = append(news, info)
					}
				}
				return len(news) > 0, nil
			})
			if err != nil {
				yield(Info{}, err)
				return
			}
			slices.SortFunc(news, func(a, b Info) int { return cmp.Compare(a.Name, b.Name) })
			for _, info := range news {
				seen[info.Name] = info.Revision
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}
