package command

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/internal/stats"
	"github.com/shmbus/shmbus/registry"
)

// A delayReport is what a subscription waited for its messages in one window, in JSON.
type delayReport struct {
	Topic      string  `json:"topic"`
	Subscriber string  `json:"subscriber"`
	Unit       string  `json:"unit"`
	PID        int     `json:"pid"`
	Shared     bool    `json:"shared"` // the figures cover other topics too
	Window     float64 `json:"window_s"`
	Samples    uint64  `json:"samples"` // delays that were measured in the window
	P50        *int64  `json:"p50_ns"`  // null: none
	P99        *int64  `json:"p99_ns"`
	Max        *int64  `json:"max_ns"`
	Lag        uint64  `json:"lag"`
	Measured   bool    `json:"measured"` // false: the delays are of the subscription's life, until some were measured in a window
}

// A delayMeter follows the histograms of subscriptions, for each topic.
type delayMeter map[topicSubscription]*delayWindow

type topicSubscription struct {
	topic string
	id    registry.EndpointID
}

type histogram = [stats.Buckets]uint32

// A delayWindow is what a subscription measured in the newest window in which it measured something.
type delayWindow struct {
	end      histogram // at the end of the window before
	delays   histogram // of its life until it is measured
	measured bool
}

// window returns the delays of a subscription to a topic, and how many of them are new since the call before. One message of 16 is measured,
// so a window may have none of a slow subscription: its delays are those of the window before.
func (m delayMeter) window(topic string, s watch.Subscriber) (w delayWindow, n uint64) {
	now, key := s.Stats.Latency, topicSubscription{topic, s.Endpoint.ID}
	was, known := m[key]
	if !known {
		was = &delayWindow{end: now}
		m[key] = was
	}
	var h histogram
	for i := range now {
		h[i] = now[i] - was.end[i] // the words wrap, and so does the difference
		n += uint64(h[i])
	}
	was.end = now
	switch {
	case n > 0:
		was.delays, was.measured = h, true
	case !was.measured:
		was.delays = now
	}
	return *was, n
}

func (a *app) delay() *cobra.Command {
	var w window
	cmd := &cobra.Command{
		Use:   "delay TOPIC",
		Short: "Measure how long messages take to each subscription, from the subscriptions' own figures",
		Long: `Measure how long the messages of a topic take from publish to take, for each subscription: it measures one message of 16 itself, and
keeps a histogram in steps of 25 % that this reads. Each window gives one line for each subscription. Where nothing was measured in it, the
line has the delays of the window before, or of the subscription's life. TOPIC may be a pattern. A subscription to several topics has one histogram for all of them, shown with "~".`,
		Example: `  shmmon delay robot/pose
  shmmon delay 'robot/**' --duration 10s --csv`,
		Args:              onePattern,
		ValidArgsFunction: a.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := w.check(cmd); err != nil {
				return err
			}
			meter := delayMeter{}
			v, dir, err := a.snapshot()
			if err != nil {
				return err
			}
			topics, err := choose(v, dir, args[0])
			if err != nil {
				return err
			}
			subscriptions := 0
			for _, t := range topics {
				for _, s := range t.Subscribers {
					meter.window(t.Name, s)
					subscriptions++
				}
			}
			if subscriptions == 0 {
				return fmt.Errorf("nothing subscribes to %q, so no delay is measured; 'shmmon echo' shows its messages", args[0])
			}
			return a.windows(cmd.Context(), w, args[0], func(name string, t watch.Topic, _ watch.Total) error {
				return a.printDelays(meter, &w, name, t)
			})
		},
	}
	w.flags(cmd)
	return a.tabular(cmd)
}

func (a *app) printDelays(meter delayMeter, w *window, name string, t watch.Topic) error {
	for _, s := range t.Subscribers {
		d, n := meter.window(t.Name, s)
		r := delayReport{Topic: t.Name, Subscriber: s.Endpoint.ID.String(), Unit: s.Owner.Unit, PID: s.Owner.PID, Shared: s.Shared,
			Window: w.length.Seconds(), Samples: n, Measured: d.measured, Lag: s.Stats.Lag}
		p50, p99, most := int64(-1), int64(-1), int64(-1)
		note := ""
		if d.delays != (histogram{}) {
			p50, p99, most = stats.Percentile(&d.delays, 0.5), stats.Percentile(&d.delays, 0.99), stats.Percentile(&d.delays, 1)
			r.P50, r.P99, r.Max = &p50, &p99, &most
			switch {
			case !d.measured:
				note = " (delays since it began)"
			case n == 0:
				note = " (delays of an earlier window)"
			}
		}
		mark := ""
		if s.Shared {
			mark = "~"
		}
		err := a.row(r, func(out io.Writer) error {
			_, err := fmt.Fprintf(out, "%s  %s (pid %d)  p50 %8s  p99 %8s  max %8s  %s measured%s, %d behind\n",
				name, a.shortName(s.Owner.Unit), s.Owner.PID, mark+text.Duration(p50), mark+text.Duration(p99), mark+text.Duration(most), text.Many(n, "message"), note, s.Stats.Lag)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
