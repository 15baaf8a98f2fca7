package command

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
)

// What a summary is of.
const (
	recorded = "recorded"
	played   = "played"
)

// filesText names the files of a summary.
func filesText(s *record.Summary, done string) string {
	switch n := len(s.Files); {
	case done != recorded:
		return inputName(s.Path)
	case n == 0:
		return "no file"
	case n == 1:
		return outputName(s.Files[0])
	default:
		return text.Escape(s.Files[0]) + " to " + text.Escape(s.Files[n-1])
	}
}

// A playedSummary is the summary of a replay as JSON. A replay loses nothing that it could count.
type playedSummary struct {
	*record.Summary
	Lost   uint64        `json:"lost,omitempty"` // in place of that of the summary
	Topics []playedTopic `json:"topics"`
}

// A playedTopic is a topic of a playedSummary.
type playedTopic struct {
	record.TopicSummary
	Lost uint64 `json:"lost,omitempty"`
}

func withoutLosses(s *record.Summary) playedSummary {
	p := playedSummary{Summary: s, Topics: []playedTopic{}}
	for _, t := range s.Topics {
		p.Topics = append(p.Topics, playedTopic{TopicSummary: t})
	}
	return p
}

// printSummary says what was done. Only a recording can have lost something.
func (a *app) printSummary(s *record.Summary, done string) error {
	if a.JSON {
		if s.Topics == nil {
			s.Topics = []record.TopicSummary{}
		}
		if done == played {
			return a.Document(withoutLosses(s))
		}
		return a.Document(s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, %s on %s in %s: %s, %s\n",
		done, text.Many(s.Messages, "message"), text.Bytes(s.Bytes), text.Many(len(s.Topics), "topic"), text.Duration(int64(s.Duration)), filesText(s, done), text.Bytes(uint64(s.FileSize)))
	if len(s.Files) > 1 || s.Deleted > 0 {
		fmt.Fprintf(&b, "parts: %d", len(s.Files))
		if s.Deleted > 0 {
			fmt.Fprintf(&b, ", and %d deleted", s.Deleted)
		}
		b.WriteByte('\n')
	}
	if s.Before > 0 {
		fmt.Fprintf(&b, "memory for only %s before a trigger: raise --before-size\n", text.Duration(int64(s.Before)))
	}
	if s.Joined > 0 {
		fmt.Fprintf(&b, "time before a trigger that begins in the part before: %s\n", text.Many(s.Joined, "part"))
	}
	if s.Throttled > 0 {
		fmt.Fprintf(&b, "left out on purpose: %s\n", text.Many(s.Throttled, "message"))
	}
	if s.Loops > 1 {
		fmt.Fprintf(&b, "complete passes: %d\n", s.Loops)
	}
	if s.Spacing.Max > 0 {
		fmt.Fprintf(&b, "spacing was off by %s (half of the messages at most), %s (99 %%), %s (all)\n", text.Duration(int64(s.Spacing.P50)), text.Duration(int64(s.Spacing.P99)), text.Duration(int64(s.Spacing.Max)))
	}
	if s.Lateness.Max > 0 {
		fmt.Fprintf(&b, "late: %s\n", latenessText(&s.Lateness))
	}
	if s.Skipped > 0 {
		fmt.Fprintf(&b, "skipped: %d\n", s.Skipped)
	}
	if err := printTopics(&b, s.Topics, done == recorded); err != nil {
		return err
	}
	if len(s.Services) > 0 {
		g := cli.NewGrid("SERVICE", ">SENT", ">ANSWERED", ">ERRORS", ">CANCELLED", ">FAILED")
		for _, c := range s.Services {
			cells := []string{c.Service}
			for _, n := range []uint64{c.Sent, c.Answered, c.Errors, c.Cancelled, c.Failed} {
				cells = append(cells, strconv.FormatUint(n, 10))
			}
			g.Add(cells...)
		}
		b.WriteByte('\n')
		if err := g.Print(&b); err != nil {
			return err
		}
		for _, c := range s.Services {
			if c.SentTo != "" {
				fmt.Fprintf(&b, "the requests to %s went to %s, of the same unit %q\n", text.Escape(c.Service), text.Escape(c.SentTo), c.Unit)
			}
		}
	}
	_, err := io.WriteString(a.Stdout, b.String())
	return err
}

// printTopics prints a table of the topics, below an empty line, if there are any.
func printTopics(b *strings.Builder, topics []record.TopicSummary, lost bool) error {
	if len(topics) == 0 {
		return nil
	}
	heads := []string{"TOPIC", "TYPE", "ENCODING", ">MESSAGES", ">SIZE"}
	if lost {
		heads = append(heads, ">LOST")
	}
	g := cli.NewGrid(heads...)
	for _, t := range topics {
		cells := []string{t.Topic, t.Type, t.Encoding, strconv.FormatUint(t.Messages, 10), text.Bytes(t.Bytes)}
		if lost {
			cells = append(cells, strconv.FormatUint(t.Lost, 10))
		}
		g.Add(cells...)
	}
	b.WriteByte('\n')
	return g.Print(b)
}

// showLeftOut names the services whose calls were not played.
func (a *app) showLeftOut(path string, services []string) {
	if len(services) > 0 {
		fmt.Fprintf(a.Stderr, "shmrec: %s: the calls of %s, such as %.200q, are not played; --services requests sends their requests again\n",
			path, text.Many(len(services), "service"), services[0])
	}
}

// failedRequests says which requests that were sent again failed.
func failedRequests(services []record.ServiceSummary) string {
	failed, first := uint64(0), ""
	for _, s := range services {
		if failed += s.Failed; first == "" && s.Failed > 0 {
			first = fmt.Sprintf("service %.200q: %s", s.Service, s.First)
		}
	}
	if failed == 0 {
		return ""
	}
	return fmt.Sprintf("%s failed: %s", text.Many(failed, "request"), first)
}

// latenessText is the histogram of the lateness: how many messages were late by at most how much.
func latenessText(l *record.Lateness) string {
	var parts []string
	for _, b := range l.Buckets {
		limit := "more"
		if b.Within > 0 {
			limit = "up to " + b.Within.String()
		}
		if b.Messages > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", limit, b.Messages))
		}
	}
	return strings.Join(parts, ", ")
}
