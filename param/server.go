package param

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// A Server has the parameters of a participant.
type Server struct {
	values *topic.Publisher[announcement]
	sets   *service.Server[setting, uint64]

	mu         sync.Mutex // also while a value is validated and published
	parameters map[string]*parameter
	revision   uint64
}

// A parameter is what a server knows of each parameter.
type parameter struct {
	info     announcement // without the value
	validate func(Value) error
	kind     Kind

	mu      sync.Mutex
	value   Value
	changed chan struct{} // closed and replaced when the value changed
}

// NewServer makes the parameters of p available to other processes. A participant has one server; the second is a
// *service.ServerExistsError. ctx bounds only this.
func NewServer(ctx context.Context, p *topic.Participant) (_ *Server, err error) {
	s := &Server{parameters: map[string]*parameter{}}
	id := p.ID().String()
	s.sets, err = service.NewServer(ctx, p, servicePrefix+id, s.set, &service.ServerOptions[setting, uint64]{Concurrency: 1})
	if err != nil {
		return nil, err
	}
	s.values, err = topic.NewPublisher(ctx, p, Prefix+id, &topic.PublisherOptions[announcement]{
		Codec: announcementCodec(), Key: func(a announcement) string { return a.Name }, MaxKeys: MaxParameters + 1, MaxPayload: MaxSize,
		NeverWaits: true, // the owner waits for no other process
	})
	if err != nil {
		return nil, errors.Join(err, s.sets.Close())
	}
	if _, err := s.values.Publish(ctx, announcement{}); err != nil { // without a name: the server is there, also without parameters
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends the access of other processes. The parameters keep their values; setting one is os.ErrClosed.
func (s *Server) Close() error {
	err := s.sets.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	closed := s.values.Close()
	if errors.Is(closed, os.ErrClosed) { // before, or by the participant
		closed = nil
	}
	return errors.Join(err, closed)
}

// set sets a parameter for another process.
func (s *Server) set(ctx context.Context, call *service.Call[setting, uint64]) (uint64, error) {
	r := call.Request()
	v, err := fromWire(r.Value)
	if err != nil {
		return 0, toHandlerError(fmt.Errorf("set parameter %.100q: %w", r.Name, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parameters[r.Name]
	if p == nil {
		return 0, toHandlerError(fmt.Errorf("set parameter %.100q: %w", r.Name, ErrUnknown))
	}
	if err := s.change(ctx, p, v); err != nil {
		return 0, toHandlerError(err)
	}
	return s.revision, nil
}

// change validates, publishes and stores a value. Called with mu held.
func (s *Server) change(ctx context.Context, p *parameter, v Value) error {
	err := p.check(v)
	if err == nil && p.info.ReadOnly {
		err = ErrReadOnly
	}
	if err == nil {
		err = s.publish(ctx, p, v)
	}
	if err != nil {
		return fmt.Errorf("set parameter %q: %w", p.info.Name, err)
	}
	p.store(v)
	return nil
}

// publish tells other processes of a value. Called with mu held.
func (s *Server) publish(ctx context.Context, p *parameter, v Value) error {
	a := p.info
	a.Revision, a.Value = s.revision+1, toWire(v)
	if _, err := s.values.Publish(ctx, a); err != nil {
		var large *topic.TooLargeError
		if errors.As(err, &large) {
			return fmt.Errorf("%w: it has %d bytes with name and description, must have at most %d", ErrRefused, large.Size, MaxSize)
		}
		return err
	}
	s.revision++
	return nil
}

// check returns nil if the parameter may have the value.
func (p *parameter) check(v Value) error {
	if v.Kind() != p.kind {
		return fmt.Errorf("%w: the value is of type %v, the parameter of type %v", ErrType, v.Kind(), p.kind)
	}
	if p.validate == nil {
		return nil
	}
	if err := p.validate(v); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil
}

func (p *parameter) store(v Value) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value = v
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *parameter) load() (Value, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.value, p.changed
}
