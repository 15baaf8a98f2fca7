package record

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// callPlayer sends recorded requests again. Its methods are for the player's goroutine.
type callPlayer struct {
	p        *topic.Participant
	timeout  time.Duration
	pairs    *callPairer
	services map[string]*playedService
	damage   *mcapfile.Damage
	taken    uint64 // messages
	running  sync.WaitGroup
	ctx      context.Context // of the calls
	cancel   context.CancelFunc

	mu   sync.Mutex
	open map[callKey]*playedCall
}

// A playedService is a service whose requests are sent.
type playedService struct {
	request  serde.Type // of the values of goals
	response serde.Type // of the values
	known    bool       // response is known
	unit     string     // of the server, if the name has the participant
	name     string     // of the server that is there; "" = not found yet
	absent   error      // why there is none
	feedback serde.Type // of goals
	goals    bool
	started  map[goal.ID]*playedGoal // by the ids of the recording
	clients  map[clientKey]*playedClient

	summary ServiceSummary // guarded by callPlayer.mu
}

// A playedCall is a call whose end is not known from both the recording and the server.
type playedCall struct {
	service  *playedService
	cancel   context.CancelFunc
	recorded string // outcome in the recording; "" = not read yet
	ended    bool   // at the server
	err      error  // from there

	// Whether the goal that the call started ended as cancelled, at the server and in the recording.
	goalCancelled, recordedCancelled bool

	// A call is cancelled when it has as many items as it had when it was cancelled in the recording.
	items, recordedItems uint64
}

// addItem counts an item from the server. Called with mu held.
func (call *playedCall) addItem() {
	if call.items++; call.recorded == kindCancel && call.items >= call.recordedItems {
		call.cancel()
	}
}

// isProgress reports whether an item is the progress of a goal, of which a client may miss some.
func isProgress(state string) bool {
	return state == goal.Accepted.String() || state == goal.Running.String()
}

// newCallPlayer returns nil if no requests are to be sent.
func newCallPlayer(p *topic.Participant, files *playFiles, o *PlayOptions) *callPlayer {
	if !o.Requests {
		return nil
	}
	c := &callPlayer{p: p, timeout: o.CallTimeout, pairs: newRequestPairer(), services: make(map[string]*playedService), open: make(map[callKey]*playedCall)}
	for _, f := range files.files {
		for _, ch := range f.plan.Declared {
			if !o.wantsCalls(ch) {
				continue
			}
			name := ch.Metadata[keyService]
			s := c.services[name]
			if s == nil {
				s = &playedService{clients: make(map[clientKey]*playedClient), summary: ServiceSummary{Service: name}}
				c.services[name] = s
			}
			s.describe(ch)
		}
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

func newRequestPairer() *callPairer {
	p := newCallPairer()
	p.requests = true
	return p
}

// describe takes the types of a channel of the service.
func (s *playedService) describe(c *mcapfile.Channel) {
	switch c.Metadata[keyRole] {
	case roleRequest:
		s.request = typeOf(c)
		s.goals = s.goals || c.Metadata[keyGoals] == "true"
	case roleResponse:
		s.response, s.known = typeOf(c), true
		s.unit = cmp.Or(s.unit, c.Metadata[keyUnit])
	case roleFeedback:
		s.feedback = typeOf(c)
	}
}

// requestType returns the type of requests whose values are of a channel.
func (s *playedService) requestType(c *mcapfile.Channel) serde.Type {
	if s.goals {
		return goal.RequestType(typeOf(c))
	}
	return typeOf(c)
}

// wantsCalls reports whether requests of a channel's service are sent again.
func (o *PlayOptions) wantsCalls(c *mcapfile.Channel) bool {
	return o.Requests && isCall(c) && o.wants(c.Metadata[keyService])
}

// connect finds the servers before the first message. It waits for them if the player waits for subscribers.
func (c *callPlayer) connect(ctx context.Context, files *playFiles, o *PlayOptions) error {
	if c == nil {
		return nil
	}
	if o.WaitTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.WaitTimeout)
		defer cancel()
	}
	for _, ch := range files.calls() {
		s := c.services[ch.Metadata[keyService]]
		if ch.Metadata[keyRole] != roleRequest || s == nil {
			continue
		}
		client, err := c.client(ctx, s, s.requestType(ch.Channel), "")
		if err == nil && client != nil && o.WaitSubscribers > 0 {
			err = client.WaitForServer(ctx)
		}
		if err != nil {
			return fmt.Errorf("connect to the server of %q: %w", s.summary.Service, err)
		}
	}
	return nil
}

// take takes the next message of a channel of a service, and sends it if it is a request.
func (c *callPlayer) take(ctx context.Context, m *mcapfile.Message) error {
	c.taken++
	call, value, err := c.pairs.take(m)
	if err != nil {
		c.damage = c.damage.Note(err)
		return nil
	}
	if call == nil {
		return nil
	}
	name := m.Channel.Metadata[keyService]
	if call.isRequest() {
		return c.send(ctx, c.services[name], call, value)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follow(call.key(name), call)
	return nil
}

// follow takes what the recording says of an open call after its request. Called with mu held.
func (c *callPlayer) follow(key callKey, m *CallMessage) {
	call := c.open[key]
	switch {
	case call == nil || isProgress(m.State):
		return
	case m.Kind == service.KindItem.String():
		call.recordedItems++
		call.recordedCancelled = m.State == goal.Cancelled.String()
		return
	case m.Kind == kindCancel:
		if call.recorded = kindCancel; call.items >= call.recordedItems {
			call.cancel()
		}
	default:
		call.recorded = cmp.Or(call.recorded, m.outcome())
	}
	c.settle(key, call)
}

// maxOpenCalls bounds the calls whose recorded answer has not been read.
const maxOpenCalls = 1 << 16

// settle counts a call whose end is known from the recording and the server. Called with mu held.
func (c *callPlayer) settle(key callKey, call *playedCall) {
	if !call.ended || call.recorded == "" && len(c.open) < maxOpenCalls {
		return
	}
	if c.open[key] == call {
		delete(c.open, key)
	}
	call.count()
}

// add enters a call. In a loop its number may be that of an open one, whose recorded answer does not come any more. Called with mu held.
func (c *callPlayer) add(key callKey, call *playedCall) {
	if old := c.open[key]; old != nil {
		old.recorded = cmp.Or(old.recorded, "unknown")
		c.settle(key, old)
	}
	c.open[key] = call
}

// rewind forgets values that have not come.
func (c *callPlayer) rewind() {
	if c != nil {
		c.pairs = newRequestPairer()
	}
}

// finish waits until the open calls are answered, at most for the timeout, and cancels the rest. With the end of ctx it cancels them all.
func (c *callPlayer) finish(ctx context.Context) {
	if c == nil {
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.running.Wait()
	}()
	late := time.NewTimer(c.timeout)
	defer late.Stop()
	select {
	case <-ended:
	case <-late.C:
	case <-ctx.Done():
		c.mu.Lock()
		for _, call := range c.open {
			if !call.ended {
				call.recorded, call.recordedItems = kindCancel, 0
			}
		}
		c.mu.Unlock()
	}
	c.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, call := range c.open {
		delete(c.open, key)
		call.count()
	}
}

// close cancels the open calls and closes the clients.
func (c *callPlayer) close() {
	if c == nil {
		return
	}
	c.cancel()
	c.running.Wait()
	for _, s := range c.services {
		for key, client := range s.clients {
			client.Close()
			delete(s.clients, key)
		}
	}
}
