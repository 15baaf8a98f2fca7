package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// An endpointReport is what publishers and subscriptions have in common in JSON.
type endpointReport struct {
	ID string `json:"id"`
	identityReport
	Unit           string   `json:"unit"`
	Executable     string   `json:"executable"`
	Stopped        bool     `json:"stopped"` // its process, by a signal or a debugger
	Type           string   `json:"type"`
	Encoding       string   `json:"encoding"`
	SchemaEncoding string   `json:"schema_encoding"`
	SchemaSize     int      `json:"schema_size"`
	Uptime         *float64 `json:"uptime_s"`
	Age            *float64 `json:"age_s"`
	Messages       uint64   `json:"messages"`
	Bytes          uint64   `json:"bytes"`
	Size           uint64   `json:"size"`
	MaxSize        uint64   `json:"max_size"`
}

type publisherReport struct {
	endpointReport
	Rate        float64 `json:"rate"`
	Bandwidth   float64 `json:"bandwidth"`
	Latched     bool    `json:"latched"`
	Depth       uint32  `json:"depth"`
	MaxPayload  uint64  `json:"max_payload"`
	Memory      uint64  `json:"memory"`
	Connected   uint64  `json:"connected"`
	Failed      uint64  `json:"failed"`
	Loans       uint64  `json:"loans"`
	Keys        uint64  `json:"keys"`
	WaitedTimes uint64  `json:"waited"`
}

type subscriberReport struct {
	endpointReport
	Patterns     []string `json:"patterns"`
	AnyType      bool     `json:"any_type"`
	Lossless     bool     `json:"lossless"`
	History      uint32   `json:"history"`
	Shared       bool     `json:"shared"` // the figures cover other topics too
	Mismatch     bool     `json:"mismatch"`
	Connected    uint64   `json:"connected"`
	Lost         uint64   `json:"lost"`
	Dropped      uint64   `json:"dropped"`
	Stale        uint64   `json:"stale"`
	Filtered     uint64   `json:"filtered"`
	DecodeErrors uint64   `json:"decode_errors"`
	Held         uint64   `json:"held"`
	Lag          uint64   `json:"lag"`
	LatencyP50   *int64   `json:"latency_p50_ns"`
	LatencyP99   *int64   `json:"latency_p99_ns"`
	Jitter       *int64   `json:"jitter_ns"`
}

func reportEndpoint(owner registry.Participant, e registry.Endpoint, now int64) endpointReport {
	return endpointReport{
		ID: e.ID.String(), identityReport: reportIdentity(owner), Unit: owner.Unit, Executable: owner.Executable, Stopped: owner.State == registry.StateStopped,
		Type: e.TypeName, Encoding: e.Encoding,
		SchemaEncoding: e.SchemaEncoding, SchemaSize: len(e.Schema), Uptime: age(int64(e.Since), now),
	}
}

func reportPublisher(p watch.Publisher, now int64) publisherReport {
	e, f := p.Endpoint, p.Stats
	r := publisherReport{
		endpointReport: reportEndpoint(p.Owner, e, now), Rate: round(p.Rate), Bandwidth: round(p.Bandwidth), Latched: e.Latched,
		Depth: e.Depth, MaxPayload: e.MaxPayload, Memory: f.Memory, Connected: f.Subscribers, Failed: f.Failed, Loans: f.Loans, Keys: f.Keys,
		WaitedTimes: f.Waited,
	}
	r.Messages, r.Bytes, r.Size, r.MaxSize, r.Age = f.Messages, f.Bytes, f.LastSize, f.MaxSize, age(int64(f.LastStamp), now)
	return r
}

func reportSubscriber(s watch.Subscriber, now int64) subscriberReport {
	e, f := s.Endpoint, s.Stats
	r := subscriberReport{
		endpointReport: reportEndpoint(s.Owner, e, now), Patterns: e.Patterns, AnyType: e.AnyType, Lossless: e.Lossless,
		History: e.History, Shared: s.Shared, Mismatch: s.Mismatch, Connected: f.Publishers, Lost: f.Lost, Dropped: f.Dropped, Stale: f.Stale, Filtered: f.Filtered,
		DecodeErrors: f.DecodeErrors, Held: f.Held, Lag: f.Lag, LatencyP50: known(s.P50), LatencyP99: known(s.P99), Jitter: known(s.Jitter()),
	}
	r.Messages, r.Bytes, r.Size, r.MaxSize, r.Age = f.Messages, f.Bytes, f.LastSize, f.MaxSize, age(int64(f.LastStamp), now)
	return r
}

func (a *app) info() *cobra.Command {
	var measure time.Duration
	var schema bool
	cmd := &cobra.Command{
		Use:   "info TOPIC",
		Short: "Show one topic: its types, publishers and subscriptions",
		Long: `Show one topic: its types, publishers and subscriptions.

With --schema it prints only the schema that a publisher, or else a subscription, announces: a text as it is, with
control characters escaped, of protobuf number, name and kind of the fields, any other schema in base64. With --json it prints
every schema whole, those that are no text in base64.`,
		Example: `  shmmon info robot/pose
  shmmon info robot/pose --json
  shmmon info robot/pose --schema`,
		Args:              cobra.MatchAll(cli.Args("TOPIC"), firstIsTopic),
		ValidArgsFunction: a.complete,
	}
	measureFlag(cmd, &measure)
	cmd.Flags().BoolVar(&schema, "schema", false, "print the schema of the topic")
	return a.repeatable(cmd, func(cmd *cobra.Command, args []string) error {
		if schema && (a.forms.csv || len(a.fields) > 0) {
			return cli.Usagef(cmd, "--schema prints no rows; leave out --csv and --field")
		}
		observe := func() (watch.View, string, error) { return a.measure(cmd, measure) }
		if schema {
			observe = a.snapshot
		}
		v, dir, err := observe()
		if err != nil {
			return err
		}
		topics, err := choose(v, dir, args[0])
		if err != nil {
			return err
		}
		if schema {
			return a.printSchema(topics[0])
		}
		a.verify(cmd.Context(), topics)
		return a.print(infoResult(topics[0], v.At, dir))
	})
}

// An infoReport is a topic with its endpoints in JSON.
type infoReport struct {
	Domain string `json:"domain"`
	topicReport
	PublisherList  []publisherReport  `json:"publisher_list"`
	SubscriberList []subscriberReport `json:"subscriber_list"`
}

func infoResult(t watch.Topic, now int64, dir string) result {
	report := infoReport{dir, reportTopic(t, now), []publisherReport{}, []subscriberReport{}}
	for _, p := range t.Publishers {
		report.PublisherList = append(report.PublisherList, reportPublisher(p, now))
	}
	for _, s := range t.Subscribers {
		report.SubscriberList = append(report.SubscriberList, reportSubscriber(s, now))
	}
	return table(report, []infoReport{report}, texts(infoText(t, now)))
}

func infoText(t watch.Topic, now int64) string {
	var b strings.Builder
	field := func(name, format string, args ...any) { summary(&b, name, format, args...) }
	field("topic", "%s", t.Name)
	field("type", "%s", typeName(t))
	field("encoding", "%s", text.Name(t.Encoding))
	field("state", "%s", stateText(t))
	field("rate", "%s msg/s, %s", text.Rate(t.Rate), text.Bandwidth(t.Bandwidth))
	field("messages", "%d, %s", t.Messages, text.Bytes(t.Bytes))
	field("size", "newest %s, largest %s", text.Bytes(t.Size), text.Bytes(t.MaxSize))
	if t.PayloadError != nil {
		field("payload", "NOT %s: %v", t.Encoding, t.PayloadError)
	}
	if t.Last > 0 {
		field("newest", "%s ago", text.Duration(now-t.Last))
	}
	field("lost", "%s", t.LostText())
	field("delay", "median %s, 99%% below %s", t.DelayText(t.P50), t.DelayText(t.P99))
	for _, p := range t.Publishers {
		fmt.Fprintf(&b, "\npublisher %s\n", p.Endpoint.ID)
		ownerText(field, p.Owner, p.Endpoint)
		f := p.Stats
		field("  published", "%d messages, %s, %s msg/s", f.Messages, text.Bytes(f.Bytes), text.Rate(p.Rate))
		field("  trouble", "%d publishes failed, %d had to wait", f.Failed, f.Waited)
		field("  connected", "%s", text.Many(f.Subscribers, "subscription"))
		latched := ""
		if p.Endpoint.Latched {
			latched = ", latched"
		}
		field("  geometry", "depth %d, payloads up to %s, %s of slots%s", p.Endpoint.Depth, text.Bytes(p.Endpoint.MaxPayload), text.Bytes(f.Memory), latched)
		if f.Keys > 0 {
			field("  keys", "%d, each with its newest sample for later subscriptions", f.Keys)
		}
		if f.Loans > 0 {
			field("  loans", "%d slots that the program has not published or given back", f.Loans)
		}
	}
	for _, s := range t.Subscribers {
		fmt.Fprintf(&b, "\nsubscription %s\n", s.Endpoint.ID)
		ownerText(field, s.Owner, s.Endpoint)
		f := s.Stats
		field("  asks for", "%s", strings.Join(s.Endpoint.Patterns, ", ")+wishes(s.Endpoint))
		field("  received", "%d messages, %s, %d lost, %d undecodable%s", f.Messages, text.Bytes(f.Bytes), f.Lost, f.DecodeErrors, sharedNote(s))
		if f.Dropped > 0 {
			field("  dropped", "%d of those lost: more was left of publishers that ended than its memory limit keeps", f.Dropped)
		}
		if f.Stale > 0 || f.Filtered > 0 {
			field("  limits", "%d stale, %d filtered: older or closer together than it wants", f.Stale, f.Filtered)
		}
		field("  holds", "%d samples, %d behind the publishers", f.Held, f.Lag)
		field("  delay", "median %s, 99%% below %s, jitter %s", text.Duration(s.P50), text.Duration(s.P99), text.Duration(s.Jitter()))
		if s.Mismatch {
			field("  mismatch", "it expects another type than is published and hears nothing of it")
		}
	}
	return b.String()
}

func ownerText(field func(string, string, ...any), owner registry.Participant, e registry.Endpoint) {
	stopped := ""
	if owner.State == registry.StateStopped {
		stopped = ", STOPPED"
	}
	field("  process", "%s, pid %s, %s%s", owner.Unit, pidOf(owner), owner.Executable, stopped)
	field("  user", "%s (%d), %s", userOf(owner.UID), owner.UID, proofText(owner))
	if e.AnyType {
		field("  type", "any")
		return
	}
	schema := "no schema"
	if len(e.Schema) > 0 {
		schema = fmt.Sprintf("schema %s, %s", e.SchemaEncoding, text.Bytes(uint64(len(e.Schema))))
	}
	field("  type", "%s, %s, %s", text.Name(e.TypeName), text.Name(e.Encoding), schema)
}

// proofText says what the kernel knows of a pid.
func proofText(owner registry.Participant) string {
	switch owner.PIDCheck {
	case registry.PIDOfFile:
		return "whose process has this pid and the file, says the kernel"
	case registry.PIDOfUser:
		return "whose process has this pid, says the kernel"
	}
	return "and only the process itself says that it has this pid"
}

func wishes(e registry.Endpoint) string {
	s := ""
	if e.Lossless {
		s += ", lossless"
	}
	if e.History > 0 {
		s += fmt.Sprintf(", with the last %d", e.History)
	}
	return s
}

func sharedNote(s watch.Subscriber) string {
	if s.Shared {
		return " (all its topics together)"
	}
	return ""
}
