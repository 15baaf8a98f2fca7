package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// A serverReport is a server of a service in JSON.
type serverReport struct {
	ID string `json:"id"`
	identityReport
	Unit        string `json:"unit"`
	Executable  string `json:"executable"`
	State       string `json:"state"` // of the process
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
	Open             uint64         `json:"open"`   // calls that are not answered, with those of the queue
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
		Long: `List services: types, servers, clients, requests per second, calls that were answered and that failed, calls that are open (a server
has them, or they wait), those that wait, and how long handlers take, within a factor of two. A goal is one call until its end. NAME may be a pattern: * stands for one segment of a name, ** for any number. It takes no part in
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
		v, dir, reading, err := a.measureServices(cmd, measure)
		if err != nil {
			return err
		}
		reports := []serviceReport{}
		for _, s := range reading.Services(v, pattern) {
			reports = append(reports, reportService(s))
		}
		if len(reports) == 0 && len(args) > 0 {
			if near := text.Nearest(pattern, serviceNames(v)); len(near) > 0 {
				return fmt.Errorf("no service %q in %s; there is %s", pattern, dir, listed(near))
			}
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
			return servicesGrid(reports).Fit(a.Columns()).Print(w)
		}))
	})
}

func servicesGrid(reports []serviceReport) *cli.Grid {
	g := cli.NewGrid("~SERVICE", "KIND", "~REQUEST", "~RESPONSE", ">SERVERS", ">CLIENTS", ">REQ/S", ">CALLS", ">FAILED", ">REFUSED", ">OPEN", ">QUEUE", ">P50", ">P99")
	took := func(ns *int64) string {
		if ns == nil {
			return "-"
		}
		return "<" + text.Duration(*ns)
	}
	for _, r := range reports {
		g.Add(r.Service, r.Kind, cmp.Or(r.RequestType, r.RequestEncoding), cmp.Or(r.ResponseType, r.ResponseEncoding), servers(r.ServerList), strconv.Itoa(r.Clients),
			text.Rate(r.Rate), text.Count(r.Calls), text.Count(r.Failed), text.Count(r.Refused), text.Count(r.Open), text.Count(r.Queue), took(r.P50), took(r.P99))
	}
	return g
}

// servers tells how many there are, and how many of these have a process that is stopped.
func servers(list []serverReport) string {
	s, stopped := strconv.Itoa(len(list)), 0
	for _, one := range list {
		if one.State == registry.StateStopped.String() {
			stopped++
		}
	}
	if stopped > 0 {
		s += fmt.Sprintf(", %d stopped", stopped)
	}
	return s
}

// observer returns a participant that only reads, and that no other process sees.
func (a *app) observer() (*topic.Participant, error) {
	return topic.Join(&topic.Options{Dir: a.Dir, Domain: a.Domain, Unit: "shmmon", ReadOnly: true})
}

// measureServices observes the domain for about d, and returns the last view and reading. Rates of goals are those between two readings.
func (a *app) measureServices(cmd *cobra.Command, d time.Duration) (v watch.View, dir string, reading services.Reading, err error) {
	if dir, err = a.CheckedDir(); err != nil {
		return v, dir, reading, err
	}
	r := services.Open(dir)
	defer func() { err = errors.Join(err, r.Close()) }()
	if d > 0 {
		if _, err = r.Read(cmd.Context(), services.WantServices); err != nil {
			return v, dir, reading, err
		}
	}
	if v, _, err = a.measure(cmd, d); err == nil {
		reading, err = r.Read(cmd.Context(), services.WantServices)
	}
	return v, dir, reading, err
}

func reportService(s services.Service) serviceReport {
	r := serviceReport{
		Service: s.Name, Kind: s.Kind, RequestType: s.Request.Name, RequestEncoding: s.Request.Encoding, ResponseType: s.Response.Name, ResponseEncoding: s.Response.Encoding,
		FeedbackType: s.Feedback.Name, FeedbackEncoding: s.Feedback.Encoding, Servers: len(s.Servers), Clients: s.Clients, Rate: round(s.Rate),
		Calls: s.Calls, Failed: s.Failed, Refused: s.Refused, Open: s.Open(), Queue: s.Queue,
	}
	if p := s.P50(); p >= 0 {
		r.P50, r.P99 = known(int64(p)), known(int64(s.P99()))
	}
	for _, one := range s.Servers {
		if one.Goals != (service.GoalLimits{}) { // a goal is a call
			one.Concurrency, one.MaxCalls = one.Goals.Concurrency, one.Goals.MaxGoals
		}
		r.ServerList = append(r.ServerList, serverReport{one.Server.ID.String(), reportIdentity(one.Server), one.Server.Unit, one.Server.Executable, one.Server.State.String(), one.Concurrency, one.MaxCalls})
	}
	return r
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
	names := slices.DeleteFunc(serviceNames(v), func(name string) bool { return !strings.HasPrefix(name, prefix) || text.Escape(name) != name })
	return names, none
}
