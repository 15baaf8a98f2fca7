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
	o, err := c.setter(ctx, name)
	if err != nil {
		return err
	}
	revision, err := o.sets.Call(ctx, setting{name, toWire(v)})
	c.release(o)
	if err != nil {
		return fromHandlerError(name, err)
	}
	return c.await(ctx, func() (bool, error) { // so that Get returns it
		return c.owners[o.participant.ID] != o || o.parameters[name].Revision >= revision, nil
	})
}

// setter returns the owner with the client of its service, to set a parameter. The client stays open until release.
func (c *Client) setter(ctx context.Context, name string) (*owner, error) {
	c.mu.Lock()
	o, err := c.current()
	made := err == nil && o.sets != nil
	if made {
		o.calls++
	}
	c.mu.Unlock()
	if err != nil || made {
		return o, err
	}
	sets, err := service.NewClient[setting, uint64](ctx, c.p, servicePrefix+o.participant.ID.String(), nil)
	if err != nil {
		return nil, fromHandlerError(name, o.silent(ctx, err))
	}
	c.mu.Lock()
	gone, unwanted := c.owners[o.participant.ID] != o, o.sets != nil
	if !gone {
		o.calls++
		if !unwanted {
			o.sets = sets
		}
	}
	c.mu.Unlock()
	switch {
	case gone: // meanwhile, or the client is closed
		return nil, errors.Join(fmt.Errorf("parameters of %q: %w", c.owner, ErrNoOwner), sets.Close())
	case unwanted: // another goroutine has made one
		_ = sets.Close()
	}
	return o, nil
}

// silent is the error of making the client. If ctx ended before a stopped process had answered, it names that process.
func (o *owner) silent(ctx context.Context, err error) error {
	server := o.participant
	server.State = registry.StateOf(server)
	if ctx.Err() == nil || server.State != registry.StateStopped {
		return err
	}
	return &service.CallError{Service: servicePrefix + server.ID.String(), Server: server, Err: err, Detail: "its process is stopped by a signal or a debugger"}
}

// release ends a call of an owner's service. After the last one, the client of a service that is gone is closed.
func (c *Client) release(o *owner) {
	c.mu.Lock()
	o.calls--
	last := o.calls == 0 && c.owners[o.participant.ID] != o
	c.mu.Unlock()
	if last {
		_ = o.sets.Close()
	}
}

// Watch yields all parameters, and then each that has changed, with its newest value, until ctx ends or the caller leaves the loop. Those
// that are there at once come in the order of their names. It goes on with a server that is made again, and with an owner that starts again
// if that is named by its unit. The last yield has the error of ctx, os.ErrClosed or ErrAmbiguous.
func (c *Client) Watch(ctx context.Context) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		var of *owner // another one if the server was made again, whose revisions begin anew
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
				if o != of {
					of = o
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
