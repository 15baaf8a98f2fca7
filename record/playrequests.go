package record

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
)

// A playedClient sends the requests of one recorded client, so that their order stays and it has as many open calls as that one.
type playedClient struct {
	*service.Client[playedRequest, []byte]
	used bool // for a recorded client
}

// A clientKey names a playedClient.
type clientKey struct {
	client string // of the recording; "" = the one that is made before the first message, for the first one and those beyond maxPlayedClients
	kind   string // of the requests
}

// maxPlayedClients bounds the clients of one service. Further recorded clients share one.
const maxPlayedClients = 64

// maxClientCalls is the number of calls that a client may have open, if the server allows it.
const maxClientCalls = 480

// client returns the client for a recorded client, nil if there is no server and no response of one was recorded.
func (c *callPlayer) client(ctx context.Context, s *playedService, kind serde.Type, recorded string) (*playedClient, error) {
	key := clientKey{recorded, kind.Name + "\x00" + kind.Encoding}
	if s.clients[key] == nil && len(s.clients) >= maxPlayedClients {
		key.client = ""
	}
	client := s.clients[key]
	if client == nil && s.clients[clientKey{"", key.kind}] != nil && !s.clients[clientKey{"", key.kind}].used {
		client = s.clients[clientKey{"", key.kind}]
		s.clients[key] = client
	}
	if client != nil {
		client.used = client.used || recorded != ""
		return client, nil
	}
	if !s.known {
		servers, err := service.Find(ctx, c.p, s.summary.Service)
		if err != nil || len(servers) == 0 {
			return nil, err
		}
		s.response, s.known = servers[0].Response, true
	}
	made, err := service.NewClient(ctx, c.p, s.summary.Service, &service.ClientOptions[playedRequest, []byte]{
		RequestCodec: playedCodec{kind}, ResponseCodec: serde.Opaque(s.response), MaxCalls: maxClientCalls,
	})
	if err != nil {
		return nil, err
	}
	s.clients[key] = &playedClient{Client: made, used: recorded != ""}
	return s.clients[key], nil
}

// send sends a request again. It returns when the request is sent, before the next one of its client.
func (c *callPlayer) send(ctx context.Context, s *playedService, m *CallMessage, value *mcapfile.Message) error {
	client, err := c.client(ctx, s, typeOf(value.Channel), m.Client)
	if err != nil {
		return fmt.Errorf("connect to the server of %q: %w", s.summary.Service, err)
	}
	call := &playedCall{service: s}
	if client == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		s.summary.fail(&service.CallError{Service: s.summary.Service, Err: service.ErrNoServer})
		return nil
	}
	var within context.Context
	if m.Timeout > 0 {
		within, call.cancel = context.WithTimeout(c.ctx, m.Timeout)
	} else {
		within, call.cancel = context.WithCancel(c.ctx)
	}
	key := m.key(s.summary.Service)
	c.mu.Lock()
	if m.Kind == service.KindSend.String() {
		call.recorded = m.Kind // has no answer
	}
	c.add(key, call)
	c.mu.Unlock()
	sent := make(chan struct{})
	request := playedRequest{value.Data, sync.OnceFunc(func() {
		c.mu.Lock()
		s.summary.Sent++
		c.mu.Unlock()
		close(sent)
	})}
	over := make(chan struct{})
	c.running.Go(func() {
		defer close(over)
		defer call.cancel()
		err := client.do(within, m.Kind, request, c.timeout)
		c.mu.Lock()
		defer c.mu.Unlock()
		call.ended, call.err = true, err
		c.settle(key, call)
	})
	select {
	case <-sent:
	case <-over:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// busyInterval is the time between two attempts to send a request while too many are open.
const busyInterval = time.Millisecond

// do makes a call. While the server is busy it waits, as the player waits for lossless subscriptions, at most for the limit.
func (c *playedClient) do(ctx context.Context, kind string, request playedRequest, limit time.Duration) error {
	var err error
	for begin := time.Now(); ; {
		switch kind {
		case service.KindSend.String():
			err = c.Send(ctx, request)
		case service.KindStream.String():
			err = nil
			for r, failed := range c.StreamRaw(ctx, request) {
				if err = failed; err == nil {
					r.Release()
				}
			}
		default:
			var r service.Response[[]byte]
			if r, err = c.CallRaw(ctx, request); err == nil {
				r.Release()
			}
		}
		if !errors.Is(err, service.ErrBusy) || time.Since(begin) >= limit {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(busyInterval):
		}
	}
}

// A playedRequest is an encoded request.
type playedRequest struct {
	value []byte
	sent  func() // called while the request is sent: a later one of the client is sent after it
}

// playedCodec passes encoded requests on.
type playedCodec struct{ kind serde.Type }

func (c playedCodec) Type() serde.Type                      { return c.kind }
func (c playedCodec) Encoder() serde.Encoder[playedRequest] { return c }
func (c playedCodec) Decoder() serde.Decoder[playedRequest] { return c }
func (playedCodec) Decode(_ []byte, _ *playedRequest) error { return errors.ErrUnsupported } // no server
func (playedCodec) Append(dst []byte, r playedRequest) ([]byte, error) {
	r.sent()
	return append(dst, r.value...), nil
}
