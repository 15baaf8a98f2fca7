package services

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// Kinds of services.
const (
	Call   = "call"
	Stream = "stream"
	Goals  = "goal"
)

// A Service is all servers of a name together.
type Service struct {
	Name, Kind                  string
	Request, Response, Feedback serde.Type // of goals: the value, the result, the feedback
	Servers                     []service.ServerInfo
	Clients                     int
	Rate                        float64 // requests per second of the clients; goals of a server of goals
	Queue                       uint64  // requests that no server has taken
	Figures                             // of all servers together
}

// Open returns the number of calls that are open: of a server that has taken them and not answered, as its newest figures say, and those
// that wait.
func (s *Service) Open() uint64 { return s.Unanswered + s.Queue }

// Figures are what servers count.
type Figures struct {
	Service                            string // name
	Calls, Failed, Refused, Unanswered uint64
	Took                               [len(service.Figures{}.Took)]uint64 // as in service.Figures
	GoalRate                           float64                             // goals per second, of a server of goals
}

// P50 and P99 return the time that half and 99 of 100 handlers stayed below, within a factor of two; -1 if none was measured.
func (f *Figures) P50() time.Duration { return f.below(0.5) }

// P99 is like P50.
func (f *Figures) P99() time.Duration { return f.below(0.99) }

func (f *Figures) below(part float64) time.Duration {
	var all, below float64
	for _, n := range f.Took {
		all += float64(n)
	}
	for i, n := range f.Took {
		if below += float64(n); all > 0 && below >= part*all {
			return time.Microsecond << i
		}
	}
	return -1
}

func (f *Figures) add(g Figures) {
	f.Calls, f.Failed, f.Refused, f.Unanswered = f.Calls+g.Calls, f.Failed+g.Failed, f.Refused+g.Refused, f.Unanswered+g.Unanswered
	f.GoalRate += g.GoalRate
	for i, n := range g.Took {
		f.Took[i] += n
	}
}

// Services returns the services of a reading that a pattern stands for, by name, with what the rings of their requests show in a view.
func (r *Reading) Services(v watch.View, pattern string) []Service {
	all := make(map[string]*Service)
	for _, info := range r.Servers {
		if !registry.MatchPattern(pattern, info.Name) {
			continue
		}
		s := all[info.Name]
		if s == nil {
			s = describe(info.Description)
			all[info.Name] = s
		}
		s.Servers = append(s.Servers, info)
	}
	for _, f := range r.Figures {
		if s := all[f.Service]; s != nil {
			s.Figures.add(f)
		}
	}
	for _, s := range all {
		if s.Kind == Goals {
			s.Rate = s.GoalRate
		}
	}
	for i := range v.Topics {
		name, role, _ := service.ServiceOf(v.Topics[i].Name)
		if s := all[name]; s != nil && role == "request" {
			s.addRequests(&v.Topics[i])
		}
	}
	list := make([]Service, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[name])
	}
	return list
}

func describe(d service.Description) *Service {
	s := &Service{Name: d.Name, Kind: Call, Request: d.Request, Response: d.Response, Figures: Figures{Service: d.Name}}
	if d.Stream {
		s.Kind = Stream
	}
	if t, ok := goal.TypesOf(d); ok {
		s.Kind, s.Request, s.Feedback, s.Response = Goals, t.Goal, t.Feedback, t.Result
	}
	return s
}

// addRequests adds what the rings of requests to one server show. Each client has one.
func (s *Service) addRequests(t *watch.Topic) {
	s.Clients += len(t.Publishers)
	if s.Kind != Goals {
		s.Rate += t.Rate
	}
	servers := make(map[registry.EndpointID]uint64)
	for _, sub := range t.Subscribers {
		if !sub.Endpoint.AnyType { // the server
			servers[sub.Endpoint.ID] = sub.Stats.Lag
		}
	}
	for _, lag := range servers {
		s.Queue += lag
	}
}

// maxFigures bounds the encoded figures of a server, bytes.
const maxFigures = 64 << 10

// readFigures returns the newest figures of each server.
func (r *Reader) readFigures(ctx context.Context, self *topic.Participant, pattern string) (map[topic.PublisherID]Figures, error) {
	sub, err := topic.NewSubscriber(ctx, self, service.Prefix+pattern+"/figures", &topic.SubscriberOptions[service.Figures]{Codec: service.FiguresCodec()})
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	newest := make(map[topic.PublisherID]Figures)
	for range 4*sub.Publishers() + 1 { // servers that publish all the time do not make this endless
		s, ok, err := sub.TryReceive()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		name, role, _ := service.ServiceOf(s.Topic())
		if f, err := figuresIn(s); err == nil && role == "figures" {
			newest[s.Publisher()] = Figures{name, f.Calls, f.Failed, f.Refused, f.Unanswered, f.Took, r.rates.add(s, f, r.clock.Now())}
		}
		s.Release()
	}
	maps.DeleteFunc(r.rates, func(id topic.PublisherID, _ goalRate) bool { _, there := newest[id]; return !there })
	return newest, nil
}

func figuresIn(s topic.Sample[service.Figures]) (f service.Figures, err error) {
	if n := len(s.Bytes()); n > maxFigures {
		return f, errTooLarge
	}
	return s.Value()
}

// TypeName returns the name of a type, or its encoding if it has none.
func TypeName(t serde.Type) string { return cmp.Or(t.Name, t.Encoding) }
