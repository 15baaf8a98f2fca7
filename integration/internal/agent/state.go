//go:build linux

package agent

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// A Request starts an agent.
type Request struct {
	Umask *int // nil: the test's
}

// State is what an agent has between two calls: the participant, and the publishers, subscribers and loans by the names that the test
// gave them.
type State struct {
	Participant *topic.Participant

	publishers  map[string]*topic.Publisher[[]byte]
	subscribers map[string]*topic.Subscriber[[]byte]
	loans       map[string]topic.Loan // by the publisher
	flows       map[string]*flow      // by the publisher
	readers     map[string]*reader    // by the subscriber
	payload     []byte

	mu      sync.Mutex
	events  map[event][]int64 // when events came
	others  int               // participants that joined and neither left nor died yet
	changed chan struct{}
}

// NewState returns the state of an agent that has not joined.
func NewState() *State {
	return &State{
		publishers: map[string]*topic.Publisher[[]byte]{}, subscribers: map[string]*topic.Subscriber[[]byte]{},
		loans: map[string]topic.Loan{}, flows: map[string]*flow{}, readers: map[string]*reader{},
		events: map[event][]int64{}, changed: make(chan struct{}, 1),
	}
}

// Role is the role of agents. The package of the test may have more calls than this package.
func Role(more ...harness.Handler[*State]) harness.Role {
	return harness.RoleOf(func(ctx context.Context, parent *subproc.Parent, r Request) error {
		if r.Umask != nil {
			syscall.Umask(*r.Umask)
		}
		s := NewState()
		if err := harness.Serve(ctx, parent, s, append(handlers(), more...)); err != nil {
			return err
		}
		if s.Participant != nil {
			return s.Participant.Close()
		}
		return nil
	})
}

func handlers() []harness.Handler[*State] {
	on := harness.On[*State, struct{}]
	return []harness.Handler[*State]{
		harness.On(Join{}), on(Leave{}), harness.On(WaitEvents{}), on(WaitParticipants{}), on(ForgetEvents{}),
		harness.On(Advertise{}), harness.On(AdvertiseMany{}), on(SendEach{}), harness.On(Send{}), harness.On(SendBatch{}), on(SendParts{}),
		on(Loan{}), on(Commit{}), on(PreparePayload{}), harness.On(CountReaders{}), on(WaitReadersAtMost{}), harness.On(ChurnPublishers{}),
		harness.On(Subscribe{}), harness.On(Take{}), harness.On(Drain{}), harness.On(TakeLatest{}), harness.On(TakeStamped{}), on(TakeNone{}),
		harness.On(Stats{}), harness.On(ChurnSubscribers{}), on(WaitPeers{}), on(Close{}),
		on(StartFlow{}), harness.On(StopFlow{}), on(StartReader{}), harness.On(WaitReader{}), harness.On(Visit{}), harness.On(Reconnect{}),
		on(LimitDescriptors{}), on(ForbidDescriptors{}), on(LimitMappings{}), harness.On(MeasureResources{}), harness.On(MeasureResident{}),
		harness.On(Now{}), harness.On(PID{}), harness.On(Spawn{}), on(Record{}),
		harness.On(PublishTen{}), harness.On(SubscribeTen{}), harness.On(ListTopics{}), harness.On(RecordTen{}), harness.On(Clean{}),
	}
}

type none = struct{}

// A Timing says when a call began, in nanoseconds of CLOCK_MONOTONIC, and how long it took.
type Timing struct {
	Began int64
	Took  time.Duration
}

// timed runs f and measures it.
func timed(f func() error) (Timing, error) {
	c := clock.New()
	begin := c.Now()
	err := f()
	return Timing{begin, time.Duration(c.Now() - begin)}, err
}

// Join makes the agent a participant.
type Join struct{}

func (Join) Run(_ context.Context, s *State) (Timing, error) {
	return timed(func() error {
		p, err := topic.Join(nil)
		if err == nil {
			s.Participant = p
			go s.readEvents(p)
		}
		return err
	})
}

// Leave closes the participant.
type Leave struct{}

func (Leave) Run(_ context.Context, s *State) (none, error) {
	p := s.Participant
	s.Participant = nil
	return none{}, p.Close()
}

// An event is a kind of event, of all topics or of one topic, of all endpoints or of publishers.
type event struct {
	kind       topic.EventKind
	topic      string
	publishers bool
}

// WaitEvents waits until so many events of a kind came, of one topic or, without a topic, of all.
type WaitEvents struct {
	Kind       topic.EventKind
	Topic      string
	Publishers bool // of publishers only
	N          int
}

// Events are the events that came.
type Events struct {
	Count int
	At    int64 // when the last one came that was waited for
}

func (c WaitEvents) Run(ctx context.Context, s *State) (e Events, _ error) {
	err := s.await(ctx, func() error {
		at := s.events[event{c.Kind, c.Topic, c.Publishers}]
		if len(at) < c.N {
			return fmt.Errorf("%d events %v of %q came; all events: %v", len(at), c.Kind, c.Topic, s.events)
		}
		if e.Count = len(at); c.N > 0 {
			e.At = at[c.N-1]
		}
		return nil
	})
	return e, err
}

// WaitParticipants waits until the domain has so many participants.
type WaitParticipants struct{ N int }

func (c WaitParticipants) Run(ctx context.Context, s *State) (none, error) {
	return none{}, s.await(ctx, func() error {
		if s.others != c.N {
			return fmt.Errorf("%d participants are left, not %d", s.others, c.N)
		}
		return nil
	})
}

// ForgetEvents forgets the events that came, whose memory would count as growth.
type ForgetEvents struct{}

func (ForgetEvents) Run(_ context.Context, s *State) (none, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.events)
	return none{}, nil
}

// await calls done, with mu held, after each event until it returns no error.
func (s *State) await(ctx context.Context, done func() error) error {
	for {
		s.mu.Lock()
		err := done()
		s.mu.Unlock()
		if err == nil {
			return nil
		}
		select {
		case <-s.changed:
		case <-ctx.Done():
			return err
		}
	}
}

func (s *State) readEvents(p *topic.Participant) {
	c := clock.New()
	for e := range p.Events(context.Background()) {
		now := c.Now()
		s.mu.Lock()
		keys := []event{{kind: e.Kind}}
		if e.Endpoint.Topic != "" {
			keys = append(keys, event{kind: e.Kind, topic: e.Endpoint.Topic})
		}
		if e.Endpoint.Kind == registry.KindPublisher {
			keys = append(keys, event{kind: e.Kind, publishers: true})
		}
		for _, k := range keys {
			s.events[k] = append(s.events[k], now)
		}
		switch e.Kind {
		case topic.Joined:
			s.others++
		case topic.Left, topic.Died:
			s.others--
		}
		s.mu.Unlock()
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}
}
