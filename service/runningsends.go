package service

import (
	"context"
	"sync"
)

// runningSends are the calls of a server that run and have no slot: those without a response, and those whose response Commit has sent. Their
// clients may have left: a client does not wait for them.
type runningSends[Req, Resp any] struct {
	mu     sync.Mutex
	calls  map[*Call[Req, Resp]]struct{}
	closed error // cause of the end of all contexts; nil before
}

// add adds a call. If the server closes, its handler runs nevertheless, with a context that has ended: the request was taken, and a client
// does not learn that what it sent was dropped.
func (r *runningSends[Req, Resp]) add(call *Call[Req, Resp]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed != nil {
		call.ctx.end(context.Canceled, r.closed)
		return
	}
	if r.calls == nil {
		r.calls = make(map[*Call[Req, Resp]]struct{})
	}
	r.calls[call] = struct{}{}
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

// close ends the contexts of all calls, also of those that are added later.
func (r *runningSends[Req, Resp]) close(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = cause
	for call := range r.calls {
		call.ctx.end(context.Canceled, cause)
	}
}
