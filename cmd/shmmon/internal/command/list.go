package command

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// maxExtension is how many times --measure a measurement may take for the sake of slow topics.
const maxExtension = 5

// measureFlag adds the flag that says how long to measure.
func measureFlag(cmd *cobra.Command, d *time.Duration) {
	cmd.Flags().DurationVar(d, "measure", time.Second,
		"how long to measure rates, up to 5 times as long for slow topics; 0 is the average of each publisher's life")
}

// measure observes the domain for about d and returns the last view.
func (a *app) measure(cmd *cobra.Command, d time.Duration) (watch.View, string, error) {
	return a.observe(cmd, d, func(watch.View) {})
}

// observe is measure that calls each with every view.
func (a *app) observe(cmd *cobra.Command, d time.Duration, each func(watch.View)) (watch.View, string, error) {
	if d < 0 || d > time.Hour {
		return watch.View{}, "", cli.Usagef(cmd, "--measure %v is not between 0 and 1h", d)
	}
	source, dir, err := a.open()
	if err != nil {
		return watch.View{}, "", err
	}
	defer source.Close()
	tracker := watch.NewTracker(&watch.TrackerOptions{Window: max(d, 1)}) // without time to measure, the life of each publisher
	step := min(max(d/10, 10*time.Millisecond), time.Second)
	var start int64
	for {
		s, err := source.Snapshot()
		if err != nil {
			return watch.View{}, "", err
		}
		v := tracker.Add(s)
		each(v)
		if start == 0 {
			start = s.At
		}
		elapsed := time.Duration(s.At - start)
		if elapsed >= d && (len(v.Topics) == 0 || s.At >= tracker.Due(start+int64(maxExtension*d))) {
			return v, dir, nil
		}
		if err := pause(cmd.Context(), step); err != nil {
			return watch.View{}, "", err
		}
	}
}

// A topicReport is a topic in JSON. Times are seconds where the name ends in _s, nanoseconds where it ends in _ns; sizes
// are bytes.
type topicReport struct {
	Topic          string   `json:"topic"`
	Type           string   `json:"type"`
	Encoding       string   `json:"encoding"`
	State          string   `json:"state"`
	Publishers     int      `json:"publishers"`
	Subscribers    int      `json:"subscribers"`
	Connected      int      `json:"connected"`
	Mismatched     int      `json:"mismatched"`
	Stopped        int      `json:"stopped"`
	Rate           float64  `json:"rate"`      // messages per second
	Bandwidth      float64  `json:"bandwidth"` // payload bytes per second
	Measured       bool     `json:"measured"`  // false: an average since the publisher began
	Messages       uint64   `json:"messages"`
	Bytes          uint64   `json:"bytes"`
	Size           uint64   `json:"size"`
	MaxSize        uint64   `json:"max_size"`
	Lost           uint64   `json:"lost"`
	LostShared     uint64   `json:"lost_shared"`
	Stale          uint64   `json:"stale"`
	StaleShared    uint64   `json:"stale_shared"`
	Filtered       uint64   `json:"filtered"`
	FilteredShared uint64   `json:"filtered_shared"`
	Undecodable    uint64   `json:"undecodable"`
	UndecShared    uint64   `json:"undecodable_shared"`
	PayloadError   string   `json:"payload_error"` // empty: none, or not decoded
	LatencyP50     *int64   `json:"latency_p50_ns"`
	LatencyP99     *int64   `json:"latency_p99_ns"`
	Jitter         *int64   `json:"jitter_ns"`
	LatencyShared  bool     `json:"latency_shared"`
	Age            *float64 `json:"age_s"` // since the newest message
}

func reportTopic(t watch.Topic, now int64) topicReport {
	payload := ""
	if t.PayloadError != nil {
		payload = t.PayloadError.Error()
	}
	return topicReport{
		PayloadError: payload,
		Topic:        t.Name, Type: t.Type, Encoding: t.Encoding, State: string(t.State),
		Publishers: len(t.Publishers), Subscribers: len(t.Subscribers), Connected: t.Connected, Mismatched: t.Mismatched, Stopped: t.Paused,
		Rate: round(t.Rate), Bandwidth: round(t.Bandwidth), Measured: t.Measured, Messages: t.Messages, Bytes: t.Bytes,
		Size: t.Size, MaxSize: t.MaxSize, Lost: t.Lost, LostShared: t.LostShared,
		Stale: t.Stale, StaleShared: t.StaleShared, Filtered: t.Filtered, FilteredShared: t.FilteredShared,
		Undecodable: t.Undecodable, UndecShared: t.UndecodableShared,
		LatencyP50: known(t.P50), LatencyP99: known(t.P99), Jitter: known(t.Jitter()), LatencyShared: t.DelayShared, Age: age(t.Last, now),
	}
}

// round cuts a figure to six digits, which is more than it is good for.
func round(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) {
		return v
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	if err != nil {
		return v
	}
	return r
}

func known(ns int64) *int64 {
	if ns < 0 {
		return nil
	}
	return &ns
}

// age returns the seconds since a stamp, nil for no stamp.
func age(stamp, now int64) *float64 {
	if stamp <= 0 {
		return nil
	}
	s := max(0, time.Duration(now-stamp).Seconds())
	return &s
}

func (a *app) list() *cobra.Command {
	var measure time.Duration
	var decode, all bool
	cmd := &cobra.Command{
		Use:   "list [TOPIC...]",
		Short: "List topics with rate, bandwidth, losses and delays",
		Long: `List topics with rate, bandwidth, losses and delays. TOPIC may be a pattern: * stands for one segment of a name, ** for any
number. Without one, all topics are listed, those of services and parameters, which begin with "$", only with --all.`,
		Example: `  shmmon list
  shmmon list 'robot/**' --json
  shmmon list --field topic --field rate
  shmmon list --csv --watch 10s`,
		Args:              manyPatterns,
		ValidArgsFunction: a.complete,
	}
	measureFlag(cmd, &measure)
	cmd.Flags().BoolVar(&decode, "decode", false, "decode the newest message of each topic, and mark topics whose bytes are not of their type")
	allFlag(cmd, &all)
	return a.repeatable(cmd, func(cmd *cobra.Command, args []string) error {
		v, dir, err := a.measure(cmd, measure)
		if err != nil {
			return err
		}
		topics, err := chooseOrAll(v, dir, all, args)
		if err != nil {
			return err
		}
		if decode {
			a.verify(cmd.Context(), topics)
		}
		a.warn(v)
		return a.print(listResult(v, topics, dir, func(w io.Writer) error {
			if len(topics) == 0 {
				a.noTopics(v, dir)
				return nil
			}
			return listGrid(topics).Fit(a.Columns()).Print(w)
		}))
	})
}

// listResult is the result of a command that lists topics.
func listResult(v watch.View, topics []watch.Topic, dir string, text func(io.Writer) error) result {
	reports := make([]topicReport, len(topics))
	for i, t := range topics {
		reports[i] = reportTopic(t, v.At)
	}
	return table(struct {
		Domain string        `json:"domain"`
		Exists bool          `json:"exists"`
		Topics []topicReport `json:"topics"`
	}{dir, !v.Missing, reports}, reports, text)
}

func listGrid(topics []watch.Topic) *cli.Grid {
	g := cli.NewGrid("~TOPIC", "~TYPE", "ENCODING", ">PUBS", ">SUBS", ">MSG/S", ">BANDWIDTH", ">SIZE", ">LOST", ">P50", ">P99", "STATE")
	for _, t := range topics {
		g.Add(t.Name, typeName(t), t.Encoding, strconv.Itoa(len(t.Publishers)), strconv.Itoa(len(t.Subscribers)),
			text.Rate(t.Rate), text.Bandwidth(t.Bandwidth), text.Bytes(t.Size), t.LostText(), t.DelayText(t.P50), t.DelayText(t.P99), stateText(t))
	}
	return g
}

// noTopics says that a domain has no topics, and what is hidden.
func (a *app) noTopics(v watch.View, dir string) {
	hidden := ""
	if n := v.ForApplications().Hidden; n > 0 {
		hidden = fmt.Sprintf(", and %d of services and parameters; --all shows these", n)
	}
	fmt.Fprintf(a.Stderr, "no topics in %s%s%s\n", dir, whether(dir), hidden)
}

func typeName(t watch.Topic) string {
	s := text.Name(t.Type)
	if t.MoreTypes > 0 {
		s += fmt.Sprintf(" +%d", t.MoreTypes)
	}
	return s
}

func stateText(t watch.Topic) string {
	s := string(t.State)
	if t.Mismatched > 0 {
		s += fmt.Sprintf(", %d of another type", t.Mismatched)
	}
	if n := t.Undecodable + t.UndecodableShared; n > 0 {
		s += fmt.Sprintf(", %s undecodable", text.Count(n))
	}
	s += payloadNote(t)
	if t.Paused > 0 {
		s += fmt.Sprintf(", %d stopped", t.Paused)
	}
	return s
}

// warn says on standard error what the scan left out.
func (a *app) warn(v watch.View) {
	var said []string
	for _, p := range v.Problems {
		if s := p.Error(); !slices.Contains(said, s) && len(said) < 10 {
			said = append(said, s)
			fmt.Fprintf(a.Stderr, "left out: %s\n", s)
		}
	}
}
