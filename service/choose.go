package service

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// choose returns the connection with the fewest open calls and requests that wait at it.
func (c *Client[Req, Resp]) choose(ctx context.Context, wait bool) (*conn[Req, Resp], error) {
	if k := c.only.Load(); k != nil {
		return k, nil
	}
	var silent silence
	for {
		c.forgetTaken()
		c.mu.Lock()
		var best *conn[Req, Resp]
		fewest, connecting := 0, false
		first := rand.IntN(len(c.conns) + 1) // of servers with equally many, clients that make one call each take different ones
		for i := range c.conns {
			k := c.conns[(first+i)%len(c.conns)]
			switch k.phase {
			case connConnecting:
				connecting = true
			case connReady:
				n := int(k.open.Load()) + int(k.waitingSends.Load())
				if k.isFull() {
					n = math.MaxInt // only if all servers have as many open calls as they allow
				}
				if best == nil || n < fewest {
					best, fewest = k, n
				}
			}
		}
		changed, refusal, closed := c.changed, c.refusal, c.closed
		c.mu.Unlock()
		switch {
		case closed:
			return nil, c.fail(nil, errClientClosed, "")
		case best != nil:
			return best, nil
		}
		var again <-chan time.Time
		if !connecting && !wait {
			switch {
			case silent.goesOn(c.unheard(), refusedBy(refusal)):
				again = time.After(silentInterval)
			case isClosed(changed):
				continue // a server has answered after the connections were looked at
			case refusal != nil:
				return nil, refusal
			default:
				return nil, c.fail(nil, ErrNoServer, "start one, or wait with WaitForServer or the option Wait")
			}
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
			if s, stopped := c.stoppedServer(); stopped {
				return nil, &CallError{Service: c.name, Server: s, Err: ctx.Err(), Detail: stoppedText(s)}
			}
			if refusal != nil {
				return nil, c.fail(nil, fmt.Errorf("%w: %w", ctx.Err(), refusal), "")
			}
			return nil, c.fail(nil, ctx.Err(), "no server answered")
		}
	}
}

// hasRoom reports whether a server that is connected can have another call.
func (c *Client[Req, Resp]) hasRoom() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.conns, func(k *conn[Req, Resp]) bool { return k.phase == connReady && !k.isFull() })
}

// isFull reports whether all slots are in use.
func (k *conn[Req, Resp]) isFull() bool { return int(k.open.Load()) >= len(k.slots) }
