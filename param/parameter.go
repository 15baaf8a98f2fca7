package param

import (
	"context"
	"fmt"
	"iter"
)

// Options describe a parameter. The zero value allows each value of the type.
type Options[T Type] struct {
	Description string // for people: what it does, its unit and range
	// Validate returns an error with the reason if the parameter must not have the value. It is called for the default too, for one value
	// after the other.
	Validate func(v T) error
	// ReadOnly says that the parameter keeps its default.
	ReadOnly bool
}

// A Parameter is one parameter at its owner.
type Parameter[T Type] struct {
	server    *Server
	parameter *parameter
}

// Declare adds a parameter with its default value. A name can be declared once. ctx bounds the wait to publish it.
func Declare[T Type](ctx context.Context, s *Server, name string, value T, opts *Options[T]) (*Parameter[T], error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if opts == nil {
		opts = new(Options[T])
	}
	v := Of(value)
	p := &parameter{info: announcement{Name: name, Description: opts.Description, ReadOnly: opts.ReadOnly}, kind: v.Kind(), value: v, changed: make(chan struct{})}
	if check := opts.Validate; check != nil {
		p.validate = func(v Value) error {
			t, err := As[T](v)
			if err != nil {
				return err
			}
			return check(t)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.parameters[name] != nil:
		return nil, fmt.Errorf("declare parameter %q: it is declared already", name)
	case len(s.parameters) == MaxParameters:
		return nil, fmt.Errorf("declare parameter %q: the participant has %d, as many as it may", name, MaxParameters)
	}
	err := p.check(v)
	if err == nil {
		err = s.publish(ctx, p, v)
	}
	if err != nil {
		return nil, fmt.Errorf("declare parameter %q: %w", name, err)
	}
	s.parameters[name] = p
	return &Parameter[T]{s, p}, nil
}

// Name returns the name.
func (p *Parameter[T]) Name() string { return p.parameter.info.Name }

// Get returns the value. The caller owns a list.
func (p *Parameter[T]) Get() T {
	v, _ := p.parameter.load()
	return clone(v.v).(T)
}

// Set sets the value, as another process does with Client.Set. On error the parameter keeps its value.
func (p *Parameter[T]) Set(ctx context.Context, v T) error {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	return p.server.change(ctx, p.parameter, Of(v))
}

// Changes yields the value, and then the newest value after each change, until ctx ends or the caller leaves the loop.
func (p *Parameter[T]) Changes(ctx context.Context) iter.Seq[T] {
	return func(yield func(T) bool) {
		for {
			v, changed := p.parameter.load()
			if ctx.Err() != nil || !yield(clone(v.v).(T)) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}
