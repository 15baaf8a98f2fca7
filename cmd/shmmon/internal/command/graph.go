package command

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// An edge is a publisher of a topic and a subscription to it, or one of them alone.
type edge struct {
	Topic      string `json:"topic"`
	Publisher  string `json:"publisher"` // empty: nothing publishes the topic
	PubUnit    string `json:"publisher_unit"`
	PubPID     int    `json:"publisher_pid"`
	Subscriber string `json:"subscriber"` // empty: nothing subscribes to the topic
	SubUnit    string `json:"subscriber_unit"`
	SubPID     int    `json:"subscriber_pid"`
	Connected  bool   `json:"connected"`
	Why        string `json:"why"` // it is not connected

	// Of a publisher and a subscription. What is null is not known, of delays because none was sampled in the subscription's life.
	State         string  `json:"state"`
	Lag           *uint64 `json:"lag"`
	Held          *uint64 `json:"held"`
	Lost          *uint64 `json:"lost"`
	LostMax       *uint64 `json:"lost_max"`
	LostShared    *uint64 `json:"lost_shared"` // by the subscription, of all its publishers together
	LatencyP50    *int64  `json:"latency_p50_ns"`
	LatencyP99    *int64  `json:"latency_p99_ns"`
	Jitter        *int64  `json:"jitter_ns"`
	LatencyShared bool    `json:"latency_shared"` // the delays are of several publishers
}

// measure adds what is known of a connection.
func (e *edge) measure(c *watch.Connection) {
	e.State, e.LatencyShared = string(c.State), c.Shared
	e.LatencyP50, e.LatencyP99, e.Jitter = known(c.Subscriber.P50), known(c.Subscriber.P99), known(c.Subscriber.Jitter())
	e.LostMax, e.LostShared = &c.Lost.Most, &c.Lost.All
	if c.Lost.Known() {
		e.Lost = &c.Lost.Most
	}
	if c.Counted {
		e.Lag, e.Held = &c.Lag, &c.Held
	}
}

// Reasons why a publisher or a subscription is alone. A mismatch has the reason of the types.
const (
	whyNoPublisher    = "no publisher"
	whyNoSubscription = "no subscription"
)

// edges returns the connections of topics, and what is alone.
func edges(topics []watch.Topic, connections []watch.Connection) []edge {
	all := []edge{}
	found := make(map[[2]registry.EndpointID]*watch.Connection, len(connections))
	for i := range connections {
		c := &connections[i]
		found[[2]registry.EndpointID{c.Publisher.Endpoint.ID, c.Subscriber.Endpoint.ID}] = c
	}
	for _, t := range topics {
		for _, p := range t.Publishers {
			from := edge{Topic: t.Name, Publisher: p.Endpoint.ID.String(), PubUnit: p.Owner.Unit, PubPID: p.Owner.PID}
			if len(t.Subscribers) == 0 {
				from.Why = whyNoSubscription
				all = append(all, from)
			}
			for _, s := range t.Subscribers {
				e := from
				e.Subscriber, e.SubUnit, e.SubPID = s.Endpoint.ID.String(), s.Owner.Unit, s.Owner.PID
				if e.Connected = watch.Fits(p.Endpoint, s.Endpoint); !e.Connected {
					e.Why = "it wants " + wanted(p.Endpoint, s.Endpoint)
				}
				if c := found[[2]registry.EndpointID{p.Endpoint.ID, s.Endpoint.ID}]; c != nil {
					e.measure(c)
				}
				all = append(all, e)
			}
		}
		for _, s := range t.Subscribers {
			if len(t.Publishers) == 0 {
				all = append(all, edge{Topic: t.Name, Subscriber: s.Endpoint.ID.String(), SubUnit: s.Owner.Unit, SubPID: s.Owner.PID, Why: whyNoPublisher})
			}
		}
	}
	return all
}

func (a *app) graph() *cobra.Command {
	var dot, all bool
	cmd := &cobra.Command{
		Use:   "graph [TOPIC...]",
		Short: "Show which process feeds which, with dead ends and mismatches",
		Long: `Show which process feeds which through which topic. A line is a publisher and a subscription; "no subscription" and "no publisher"
are dead ends, and a mismatch names the type that the subscription wants. TOPIC may be a pattern. --json and --csv also have lag, held
samples, losses, delays and jitter of each pair, as the view of connections shows them. --dot prints the graph for
Graphviz: processes are boxes, topics ellipses, dead ends dashed and mismatches red.`,
		Example: `  shmmon graph
  shmmon graph 'robot/**' --json
  shmmon graph --dot | dot -Tsvg > graph.svg`,
		Args:              manyPatterns,
		ValidArgsFunction: a.complete,
	}
	cmd.Flags().BoolVar(&dot, "dot", false, "print the graph in the language of Graphviz")
	allFlag(cmd, &all)
	return a.repeatable(cmd, func(cmd *cobra.Command, args []string) error {
		if dot && (a.JSON || a.forms.csv || len(a.fields) > 0) {
			return cli.Usagef(cmd, "--dot is a form of its own; leave out --json, --csv and --field")
		}
		v, connections, dir, err := a.connections()
		if err != nil {
			return err
		}
		topics, err := chooseOrAll(v, dir, all, args)
		if err != nil {
			return err
		}
		a.warn(v)
		edges := edges(topics, connections)
		return a.print(table(struct {
			Domain string `json:"domain"`
			Exists bool   `json:"exists"`
			Edges  []edge `json:"edges"`
		}{dir, !v.Missing, edges}, edges, func(w io.Writer) error {
			if dot {
				return writeDot(w, topics, edges)
			}
			if len(edges) == 0 {
				a.noTopics(v, dir)
				return nil
			}
			return graphGrid(edges).Fit(a.Columns()).Print(w)
		}))
	})
}

// connections returns a view of the domain with all its connections.
func (a *app) connections() (watch.View, []watch.Connection, string, error) {
	source, dir, err := a.open()
	if err != nil {
		return watch.View{}, nil, "", err
	}
	defer source.Close()
	s, err := source.Snapshot()
	if err != nil {
		return watch.View{}, nil, "", err
	}
	tracker := watch.NewTracker(nil)
	v := tracker.Add(s)
	return v, tracker.Connections(v, source.Inspect(s.Participants, watch.WantConnections)), dir, nil
}

func graphGrid(all []edge) *cli.Grid {
	g := cli.NewGrid("~FROM", ">PID", "~TOPIC", "~TO", ">PID", "~NOTE")
	number := func(pid int) string {
		if pid == 0 {
			return ""
		}
		return fmt.Sprint(pid)
	}
	for _, e := range all {
		g.Add(e.PubUnit, number(e.PubPID), e.Topic, e.SubUnit, number(e.SubPID), e.Why)
	}
	return g
}

// writeDot prints a graph of processes and topics. Endpoints of one process are one node, and edges that look alike one edge.
func writeDot(w io.Writer, topics []watch.Topic, all []edge) error {
	var b strings.Builder
	b.WriteString("digraph shmbus {\n\trankdir=LR;\n")
	var lines []string
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	process := func(p registry.Participant) {
		line("\t%s [shape=box, label=%s];\n", dotQuote("p:"+p.ID.String()), dotQuote(fmt.Sprintf("%s (%d)", p.Unit, p.PID)))
	}
	for _, t := range topics {
		style := "solid"
		if len(t.Publishers) == 0 || len(t.Subscribers) == 0 {
			style = "dashed"
		}
		line("\t%s [shape=ellipse, style=%s, label=%s];\n", dotQuote("t:"+t.Name), style, dotQuote(t.Name))
		for _, p := range t.Publishers {
			process(p.Owner)
		}
		for _, s := range t.Subscribers {
			process(s.Owner)
		}
	}
	for _, e := range all {
		from, _, _ := strings.Cut(e.Publisher, ".")
		to, _, _ := strings.Cut(e.Subscriber, ".")
		topic := dotQuote("t:" + e.Topic)
		if from != "" {
			line("\t%s -> %s;\n", dotQuote("p:"+from), topic)
		}
		switch {
		case to == "":
		case e.Connected || e.Why == whyNoPublisher:
			line("\t%s -> %s;\n", topic, dotQuote("p:"+to))
		default:
			line("\t%s -> %s [color=red, style=dashed, label=%s];\n", topic, dotQuote("p:"+to), dotQuote("mismatch: "+e.Why))
		}
	}
	slices.Sort(lines)
	for _, l := range slices.Compact(lines) {
		b.WriteString(l)
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// dotQuote makes s a quoted word of Graphviz. Text of other processes ends no quote and starts no escape of labels.
func dotQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text.Escape(s)) + `"`
}
