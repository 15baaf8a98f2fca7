package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// A serverReport is a server of a service in JSON.
type serverReport struct {
	ID string `json:"id"`
	identityReport
	Unit        string `json:"unit"`
	Executable  string `json:"executable"`
	Concurrency int    `json:"concurrency"`
	MaxCalls    int    `json:"max_calls"`
}

// A serviceReport is a service in JSON: all servers of a name together.
type serviceReport struct {
	Service          string         `json:"service"`
	Kind             string         `json:"kind"` // call, stream or goal
	RequestType      string         `json:"request_type"`
	RequestEncoding  string         `json:"request_encoding"`
	ResponseType     string         `json:"response_type"` // of a goal that of the result
	ResponseEncoding string         `json:"response_encoding"`
	FeedbackType     string         `json:"feedback_type"` // of a goal
	FeedbackEncoding string         `json:"feedback_encoding"`
	Servers          int            `json:"servers"`
	Clients          int            `json:"clients"`
	Rate             float64        `json:"rate"` // requests per second of the clients
	Calls            uint64         `json:"calls"`
	Failed           uint64         `json:"failed"`
	Refused          uint64         `json:"refused"`
	Queue            uint64         `json:"queue"`  // requests that no server has taken
	P50              *int64         `json:"p50_ns"` // of the handlers, null: none was measured
	P99              *int64         `json:"p99_ns"`
	ServerList       []serverReport `json:"server_list"`
}

func (a *app) services() *cobra.Command {
	var measure time.Duration
	cmd := &cobra.Command{
		Use:   "services [NAME]",
		Short: "List services with servers, clients, calls and times of handlers",
		Long: `List services: types, servers, clients, requests per second, calls that were answered and that failed, requests that wait, and how long
handlers take, within a factor of two. NAME may be a pattern: * stands for one segment of a name, ** for any number. It takes no part in
the domain.`,
		Example: `  shmmon services
  shmmon services 'robot/**' --json
  shmmon services --csv --watch 10s`,
		Args:              cobra.MatchAll(cobra.MaximumNArgs(1), manyPatterns),
		ValidArgsFunction: a.completeService,
	}
	measureFlag(cmd, &measure)
	return a.repeatable(cmd, func(cmd *cobra.Command, args []string) error {
		pattern := strings.Join(append(args, "**")[:1], "")
		v, dir, err := a.measure(cmd, measure)
		if err != nil {
			return err
		}
		reports := []serviceReport{}
		if !v.Missing {
			if reports, err = a.findServices(cmd.Context(), v, pattern); err != nil {
				return err
			}
		}
		if len(reports) == 0 && len(args) > 0 {
			return fmt.Errorf("no service %q in %s%s; 'shmmon services' shows those there are", pattern, dir, whether(dir))
		}
		a.warn(v)
		return a.print(table(struct {
			Domain   string          `json:"domain"`
			Exists   bool            `json:"exists"`
			Services []serviceReport `json:"services"`
		}{dir, !v.Missing, reports}, reports, func(w io.Writer) error {
			if len(reports) == 0 {
				fmt.Fprintf(a.Stderr, "no services in %s%s\n", dir, whether(dir))
				return nil
			}
			return servicesGrid(reports).Print(w)
		}))
	})
}

func servicesGrid(reports []serviceReport) *cli.Grid {
	g := cli.NewGrid("SERVICE", "KIND", "REQUEST", "RESPONSE", ">SERVERS", ">CLIENTS", ">REQ/S", ">CALLS", ">FAILED", ">REFUSED", ">QUEUE", ">P50", ">P99")
	took := func(ns *int64) string {
		if ns == nil {
			return "-"
		}
		return "<" + text.Duration(*ns)
	}
	for _, r := range reports {
		g.Add(r.Service, r.Kind, cmp.Or(r.RequestType, r.RequestEncoding), cmp.Or(r.ResponseType, r.ResponseEncoding), strconv.Itoa(r.Servers), strconv.Itoa(r.Clients),
			text.Rate(r.Rate), text.Count(r.Calls), text.Count(r.Failed), text.Count(r.Refused), text.Count(r.Queue), took(r.P50), took(r.P99))
	}
	return g
}

// observer returns a participant that only reads, and that no other process sees.
func (a *app) observer() (*topic.Participant, error) {
	return topic.Join(&topic.Options{Dir: a.Dir, Domain: a.Domain, Unit: "shmmon", ReadOnly: true})
}

// findServices returns the services that a pattern stands for, by name.
func (a *app) findServices(ctx context.Context, v watch.View, pattern string) ([]serviceReport, error) {
	self, err := a.observer()
	if err != nil {
		return nil, err
	}
	defer self.Close()
	servers, err := service.Find(ctx, self, pattern)
	if err != nil {
		return nil, err
	}
	figures, err := figuresOf(ctx, self, pattern)
	if err != nil {
		return nil, err
	}
	all := make(map[string]*serviceReport)
	for _, s := range servers {
		r := all[s.Name]
		if r == nil {
			r = describeService(s.Description)
			r.addTraffic(v)
			r.addFigures(figures[s.Name])
			all[s.Name] = r
		}
		r.Servers++
		r.ServerList = append(r.ServerList, serverReport{s.Server.ID.String(), reportIdentity(s.Server), s.Server.Unit, s.Server.Executable, s.Concurrency, s.MaxCalls})
	}
	reports := []serviceReport{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		reports = append(reports, *all[name])
	}
	return reports, nil
}

// figuresOf returns the newest figures of each server, by the names of the services.
func figuresOf(ctx context.Context, self *topic.Participant, pattern string) (map[string][]service.Figures, error) {
	sub, err := topic.NewSubscriber(ctx, self, service.Prefix+pattern+"/figures", &topic.SubscriberOptions[service.Figures]{Codec: service.FiguresCodec()})
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	newest := make(map[topic.PublisherID]service.Figures)
	names := make(map[topic.PublisherID]string)
	for {
		s, ok, err := sub.TryReceive()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if f, err := s.Value(); err == nil {
			newest[s.Publisher()] = f
			names[s.Publisher()], _, _ = service.ServiceOf(s.Topic())
		}
		s.Release()
	}
	figures := make(map[string][]service.Figures)
	for id, f := range newest {
		figures[names[id]] = append(figures[names[id]], f)
	}
	return figures, nil
}

// describeService returns the report of a service without figures.
func describeService(d service.Description) *serviceReport {
	r := &serviceReport{Service: d.Name, Kind: "call"}
	var feedback serde.Type
	if d.Stream {
		r.Kind = "stream"
	}
	if t, ok := goal.TypesOf(d); ok {
		r.Kind, d.Request, feedback, d.Response = "goal", t.Goal, t.Feedback, t.Result
	}
	r.RequestType, r.RequestEncoding = d.Request.Name, d.Request.Encoding
	r.ResponseType, r.ResponseEncoding = d.Response.Name, d.Response.Encoding
	r.FeedbackType, r.FeedbackEncoding = feedback.Name, feedback.Encoding
	return r
}

// addTraffic adds what the rings of requests show.
func (r *serviceReport) addTraffic(v watch.View) {
	servers := make(map[registry.EndpointID]uint64)
	for _, t := range v.Topics {
		name, role, _ := service.ServiceOf(t.Name)
		if name != r.Service || role != "request" {
			continue
		}
		r.Clients += len(t.Publishers)
		r.Rate += t.Rate
		for _, s := range t.Subscribers {
			if !s.Endpoint.AnyType { // the server
				servers[s.Endpoint.ID] = s.Stats.Lag
			}
		}
	}
	for _, lag := range servers {
		r.Queue += lag
	}
	r.Rate = round(r.Rate)
}

// addFigures adds what servers count.
func (r *serviceReport) addFigures(all []service.Figures) {
	var took [len(service.Figures{}.Took)]uint64
	for _, f := range all {
		r.Calls, r.Failed, r.Refused = r.Calls+f.Calls, r.Failed+f.Failed, r.Refused+f.Refused
		for i, n := range f.Took {
			took[i] += n
		}
	}
	r.P50, r.P99 = tookAtMost(took[:], 0.5), tookAtMost(took[:], 0.99)
}

// tookAtMost returns the time in nanoseconds that a part of the handlers stayed below, nil if none was measured.
func tookAtMost(took []uint64, part float64) *int64 {
	var all, below float64
	for _, n := range took {
		all += float64(n)
	}
	if all == 0 {
		return nil
	}
	for i, n := range took {
		if below += float64(n); below >= part*all {
			return known(int64(time.Microsecond) << i)
		}
	}
	return nil
}

// completeService offers the names of the services there are.
func (a *app) completeService(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 {
		return nil, none
	}
	v, _, err := a.snapshot()
	if err != nil {
		return nil, none
	}
	var names []string
	for _, t := range v.Topics {
		if name, role, ok := service.ServiceOf(t.Name); ok && role == "server" && strings.HasPrefix(name, prefix) && text.Escape(name) == name {
			names = append(names, name)
		}
	}
	return names, none
}
