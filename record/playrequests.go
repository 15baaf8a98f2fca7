package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
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
	if err := c.find(ctx, s); err != nil || s.name == "" {
		return nil, err
	}
	if !s.known {
		servers, err := service.Find(ctx, c.p, s.name)
		if err != nil || len(servers) == 0 {
			return nil, err
		}
		s.response, s.known = servers[0].Response, true
	}
	response := s.response
	if s.goals && !strings.HasPrefix(response.Encoding, goal.Encoding) {
		response = goal.UpdateType(s.feedback, s.response)
	}
	made, err := service.NewClient(ctx, c.p, s.name, &service.ClientOptions[playedRequest, []byte]{
		RequestCodec: playedCodec{kind}, ResponseCodec: serde.Opaque(response), MaxCalls: maxClientCalls,
	})
	if err != nil {
		return nil, err
	}
	s.clients[key] = &playedClient{Client: made, used: recorded != ""}
	return s.clients[key], nil
}

// A playedGoal is a goal that was started again.
type playedGoal struct {
	id   goal.ID       // new, because the server may keep the result of the old one
	over chan struct{} // closed when the call that started it is over
}

// maxGoals bounds the goals of a service that are known by the ids of the recording.
const maxGoals = 1 << 16

// request sets what is sent to the service, and its type.
func (r *playedRequest) request(s *playedService, m *CallMessage, value *mcapfile.Message) (kind serde.Type, err error) {
	if value != nil {
		kind, r.value = s.requestType(value.Channel), value.Data
	}
	if !s.goals {
		if value == nil {
			err = fmt.Errorf("request %d to the service %s has no value", m.Number, quote(s.summary.Service))
		}
		return kind, err
	}
	g := goal.Request{Operation: m.Operation, Value: r.value}
	if g.ID, err = goal.ParseID(m.Goal); err != nil {
		return kind, err
	}
	if value != nil {
		if s.started == nil || len(s.started) >= maxGoals {
			s.started = make(map[goal.ID]*playedGoal)
		}
		s.started[g.ID] = &playedGoal{goal.NewID(), r.over}
	}
	if started := s.started[g.ID]; started != nil {
		g.ID = started.id
		if m.Operation == goal.Taken {
			r.after = started.over
		}
	}
	r.value, err = g.Append(nil)
	return goal.RequestType(s.request), err
}

// send sends a request again. It returns when the request is sent, before the next one of its client.
func (c *callPlayer) send(ctx context.Context, s *playedService, m *CallMessage, value *mcapfile.Message) error {
	request := playedRequest{over: make(chan struct{})}
	kind, err := request.request(s, m, value)
	if err != nil {
		c.damage = c.damage.Note(err)
		return nil
	}
	client, err := c.client(ctx, s, kind, m.Client)
	if err != nil {
		return fmt.Errorf("connect to the server of %q: %w", s.summary.Service, err)
	}
	call := &playedCall{service: s}
	if client == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		s.summary.fail(&service.CallError{Service: s.summary.Service, Err: cmp.Or(s.absent, service.ErrNoServer)})
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
	request.sent = sync.OnceFunc(func() {
		c.mu.Lock()
		s.summary.Sent++
		c.mu.Unlock()
		close(sent)
	})
	c.running.Go(func() {
		defer close(request.over)
		defer call.cancel()
		err := c.do(within, client, m.Kind, request, call)
		c.mu.Lock()
		defer c.mu.Unlock()
		call.ended, call.err = true, err
		c.settle(key, call)
	})
	if request.after != nil {
		return nil
	}
	select {
	case <-sent:
	case <-request.over:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// busyInterval is the time between two attempts to send a request while too many are open.
const busyInterval = time.Millisecond

// do makes a call. While the server is busy it waits, as the player waits for lossless subscriptions, at most for the timeout.
func (c *callPlayer) do(ctx context.Context, client *playedClient, kind string, request playedRequest, call *playedCall) (err error) {
	if request.after != nil {
		select {
		case <-request.after:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for begin := time.Now(); ; {
		switch kind {
		case service.KindSend.String():
			err = client.Send(ctx, request)
		case service.KindStream.String():
			err = c.stream(ctx, client, request, call)
		default:
			var r service.Response[[]byte]
			if r, err = client.CallRaw(ctx, request); err == nil {
				r.Release()
			}
		}
		if !errors.Is(err, service.ErrBusy) || time.Since(begin) >= c.timeout {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(busyInterval):
		}
	}
}

// stream takes the responses of a stream, of a goal until that has ended.
func (c *callPlayer) stream(ctx context.Context, client *playedClient, request playedRequest, call *playedCall) error {
	for r, err := range client.StreamRaw(ctx, request) {
		if err != nil {
			return err
		}
		var u goal.Update
		err = r.Read(func(value []byte) (err error) {
			if call.service.goals {
				u, err = goal.ParseUpdate(value)
			}
			return err
		})
		r.Release()
		switch {
		case err != nil:
			return err
		case u.State.Ended():
			c.mu.Lock()
			call.goalCancelled = u.State == goal.Cancelled
			c.mu.Unlock()
			return nil // its client leaves
		case u.State != 0:
			continue
		}
		c.mu.Lock()
		call.addItem()
		c.mu.Unlock()
	}
	return nil
}

// A playedRequest is an encoded request.
type playedRequest struct {
	value []byte
	sent  func()          // called while the request is sent: a later one of the client is sent after it
	after <-chan struct{} // the request is sent when it is closed; nil = at once
	over  chan struct{}   // closed when the call is over
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
