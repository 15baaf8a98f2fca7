package service

import (
	"context"
	"sync"
)

// runningSends are the calls of a server that run and have no response, and so no slot. Their clients may have left: a client does not
// wait for what it sends.
type runningSends[Req, Resp any] struct {
	mu     sync.Mutex
	calls  map[*Call[Req, Resp]]struct{}
	closed bool
}

// add adds a call before its handler runs. It reports false if the server closes.
func (r *runningSends[Req, Resp]) add(call *Call[Req, Resp]) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	if r.calls == nil {
		r.calls = make(map[*Call[Req, Resp]]struct{})
	}
	r.calls[call] = struct{}{}
	return true
}

func (r *runningSends[Req, Resp]) remove(call *Call[Req, Resp]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.calls, call)
}

// interrupt ends the call of a request whose handler was aborted.
func (r *runningSends[Req, Resp]) interrupt(c *serverConn[Req, Resp], number uint64, cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for call := range r.calls {
		if call.client == c && call.header.Number == number {
			call.ctx.end(context.Canceled, cause)
			delete(r.calls, call)
		}
	}
}

// close ends the contexts of all calls, and lets none be added.
func (r *runningSends[Req, Resp]) close(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for call := range r.calls {
		call.ctx.end(context.Canceled, cause)
	}
}
