package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/samples/hostmetrics/metrics"
)

// results is what every step of a demo counted for itself.
type results struct {
	published  metrics.Report
	received   received       // by the subscriber beside the recorder
	recorded   record.Summary // by the recorder
	replayed   record.Summary // by the player
	seen       received       // by the subscriber beside the second recorder
	rerecorded record.Summary // by the second recorder
	difference record.Difference
}

// A row is one topic in all steps.
type row struct {
	topic, encoding                           string
	published, recorded, replayed, rerecorded uint64
	lost                                      uint64 // by both recorders
	compared                                  record.TopicDifference
}

func (r *results) rows() []row {
	all := make(map[string]*row)
	at := func(topic string) *row {
		if all[topic] == nil {
			all[topic] = &row{topic: topic, compared: record.TopicDifference{Topic: topic, Equal: true}}
		}
		return all[topic]
	}
	for _, t := range r.published.Topics {
		row := at(t.Topic)
		row.encoding, row.published = t.Encoding, t.Messages
	}
	for _, t := range r.recorded.Topics {
		at(t.Topic).recorded += t.Messages
		at(t.Topic).lost += t.Lost
	}
	for _, t := range r.replayed.Topics {
		at(t.Topic).replayed += t.Messages
	}
	for _, t := range r.rerecorded.Topics {
		at(t.Topic).rerecorded += t.Messages
		at(t.Topic).lost += t.Lost
	}
	for _, t := range r.difference.Topics {
		at(t.Topic).compared = t
	}
	rows := make([]row, 0, len(all))
	for _, r := range all {
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.topic, b.topic) })
	return rows
}

// differences says in words what is not as it should be: nothing, in a good run.
func (r *results) differences() []string {
	var found []string
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for _, t := range r.rows() {
		for _, step := range []struct {
			name  string
			count uint64
		}{
			{"in the recording", t.recorded}, {"replayed", t.replayed}, {"in the second recording", t.rerecorded},
		} {
			if step.count != t.published {
				say("%s: %d messages published, %d %s", t.topic, t.published, step.count, step.name)
			}
		}
		if t.lost != 0 {
			say("%s: the recorders lost %d messages", t.topic, t.lost)
		}
		if !t.compared.Equal {
			say("%s: the two recordings differ (%d and %d messages)", t.topic, t.compared.A, t.compared.B)
		}
	}
	want := r.published.Messages
	for _, step := range []struct {
		name  string
		count uint64
	}{
		{"the recorder counted", r.recorded.Messages}, {"the player counted", r.replayed.Messages},
		{"the second recorder counted", r.rerecorded.Messages}, {"the comparison covered", r.difference.Messages},
		{"the live subscriber received or lost", r.received.Messages + r.received.Lost},
		{"the subscriber of the replay received or lost", r.seen.Messages + r.seen.Lost},
	} {
		if step.count != want {
			say("%d messages published, %s %d", want, step.name, step.count)
		}
	}
	if !r.difference.Equal || r.difference.First != "" {
		say("the recordings are not equal: %s", cmp.Or(r.difference.First, "the comparison does not say where"))
	}
	if want == 0 {
		say("no message was published")
	}
	return found
}

// topics is how many topics had messages.
func (r *results) topics() (n int) {
	for _, row := range r.rows() {
		if row.published > 0 {
			n++
		}
	}
	return n
}

// table writes the counts of all steps and how well the replay kept the time between messages.
func (r *results) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "sent\trecorded\treplayed\tagain\tequal\toff p50\tp99\tmax\t  topic")
	for _, row := range r.rows() {
		equal := "yes"
		if !row.compared.Equal {
			equal = "NO"
		}
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t  %s\n", row.published, row.recorded, row.replayed, row.rerecorded, equal,
			milliseconds(row.compared.SpacingP50), milliseconds(row.compared.SpacingP99), milliseconds(row.compared.SpacingMax), row.topic)
	}
	all := r.difference.Spacing
	fmt.Fprintf(t, "%d\t%d\t%d\t%d\t\t%s\t%s\t%s\t  all\n", r.published.Messages, r.recorded.Messages, r.replayed.Messages,
		r.rerecorded.Messages, milliseconds(all.P50), milliseconds(all.P99), milliseconds(all.Max))
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "off: by how many ms the replay missed the time between two messages of a topic")
	return err
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond))
}
