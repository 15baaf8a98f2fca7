//go:build linux

package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/shmbus/shmbus/internal/subproc"
)

// A Call is a request that a child executes, which has a state of the type S. The result has the type R. A call is a struct, whose
// fields are its arguments.
type Call[S, R any] interface {
	Run(ctx context.Context, s S) (R, error)
}

type request struct {
	Call string
	Args json.RawMessage
}

type response struct {
	Result  json.RawMessage
	Failure *Failure
}

// A Handler executes the calls of one type.
type Handler[S any] struct {
	name string
	run  func(ctx context.Context, s S, args json.RawMessage) (any, error)
}

// On returns the handler of the calls that have the type of the prototype.
func On[S, R any](prototype Call[S, R]) Handler[S] {
	typ := reflect.TypeOf(prototype)
	return Handler[S]{typ.String(), func(ctx context.Context, s S, args json.RawMessage) (any, error) {
		call := reflect.New(typ)
		if err := json.Unmarshal(args, call.Interface()); err != nil {
			return nil, err
		}
		return call.Elem().Interface().(Call[S, R]).Run(ctx, s)
	}}
}

// Serve executes the parent's calls one after the other until the parent asks the process to end. The context of each call ends after
// WaitLimit.
func Serve[S any](ctx context.Context, p *subproc.Parent, s S, handlers []Handler[S]) error {
	run := map[string]func(context.Context, S, json.RawMessage) (any, error){}
	for _, h := range handlers {
		run[h.name] = h.run
	}
	for {
		r, ok := NextMessage[request](ctx, p)
		if !ok {
			return nil
		}
		if run[r.Call] == nil {
			return fmt.Errorf("there is no call %s", r.Call)
		}
		each, cancel := context.WithTimeout(context.Background(), WaitLimit)
		result, err := run[r.Call](each, s, r.Args)
		cancel()
		text, merr := json.Marshal(result)
		if merr != nil {
			return merr
		}
		if err := p.Reply(response{text, failureOf(err)}); err != nil {
			return err
		}
	}
}

// A Pending is a call whose result was not waited for yet.
type Pending[R any] struct {
	c    *Child
	call any
}

// Go begins a call.
func Go[S, R any](c *Child, call Call[S, R]) *Pending[R] {
	c.T.Helper()
	r, err := requestOf(call)
	if err != nil {
		c.T.Fatal(err)
	}
	c.Send(r)
	return &Pending[R]{c, call}
}

func requestOf(call any) (request, error) {
	args, err := json.Marshal(call)
	return request{reflect.TypeOf(call).String(), args}, err
}

// Invoke makes a call of a process that a child started with StartNested.
func Invoke[S, R any](c *subproc.Child, call Call[S, R]) (result R, err error) {
	r, err := requestOf(call)
	if err != nil {
		return result, err
	}
	var answer response
	if err := errors.Join(c.Send(r), c.Next(&answer)); err != nil {
		return result, err
	}
	if answer.Failure != nil {
		return result, errors.New(answer.Failure.Text)
	}
	return result, json.Unmarshal(answer.Result, &result)
}

// Try waits for the end of the call. The failure is nil if the call succeeded.
func (p *Pending[R]) Try() (result R, f *Failure) {
	p.c.T.Helper()
	var r response
	p.c.Expect(&r)
	if err := json.Unmarshal(r.Result, &result); err != nil {
		p.c.T.Fatal(err)
	}
	return result, r.Failure
}

// Wait waits for the end of the call, which must succeed.
func (p *Pending[R]) Wait() R {
	p.c.T.Helper()
	result, f := p.Try()
	if f != nil {
		p.c.T.Fatalf("%T%+v: %s", p.call, p.call, f.Text)
	}
	return result
}

// Done waits for the end of the call, which must succeed.
func (p *Pending[R]) Done() {
	p.c.T.Helper()
	p.Wait()
}

// Try makes a call. The failure is nil if the call succeeded.
func Try[S, R any](c *Child, call Call[S, R]) (R, *Failure) {
	c.T.Helper()
	return Go(c, call).Try()
}

// Do makes a call that must succeed.
func Do[S, R any](c *Child, call Call[S, R]) R {
	c.T.Helper()
	return Go(c, call).Wait()
}
