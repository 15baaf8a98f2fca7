package screen

import (
	"strconv"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/chart"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

type topic = watch.Topic

func topicsPage(m *Model) *tablePage[topic] {
	p := &tablePage[topic]{
		name: "Topics",
		Table: &table.Table[topic]{
			Columns: topicColumns(m), Key: topicName, Group: topicName, Sign: m.signOfTopic,
			Texts:   func(t topic) []string { return []string{escape(t.Name), typeCell(t), escape(t.Encoding)} },
			Nothing: m.noTopics,
		},
		rows: func(m *Model) []topic { return m.view.Topics },
		of:   topicName,
		open: func(m *Model, t topic) tea.Cmd { return m.openTopic(t.Name) },
	}
	return p
}

func topicName(t topic) string { return t.Name }

func topicColumns(m *Model) []table.Column[topic] {
	return append(trafficColumns(m), healthColumns(m)...)
}

// trafficColumns say what a topic carries.
func trafficColumns(m *Model) []table.Column[topic] {
	return []table.Column[topic]{
		{Head: "TOPIC", Saved: saved("topic", func(t topic) any { return t.Name }), About: "name", Width: 24, Least: 16, Grow: true, Left: true,
			Cell: func(t topic) string { return escape(t.Name) }, Order: table.Names(topicName)},
		{Head: "TYPE", Saved: saved("type", func(t topic) any { return t.Type }), About: "the first publisher's; +n: others are published under the name too", Width: 12, Grow: true, Left: true, Drop: 8,
			Cell: typeCell, Order: table.Names(func(t topic) string { return t.Type })},
		{Head: "ENCODING", Saved: saved("encoding", func(t topic) any { return t.Encoding }), About: "of the payloads", Width: 8, Left: true, Drop: 12,
			Cell: func(t topic) string { return named(t.Encoding) }, Order: table.Names(func(t topic) string { return t.Encoding })},
		{Head: "PUB", Saved: saved("publishers", func(t topic) any { return len(t.Publishers) }), About: "publishers", Width: 3, Drop: 5,
			Cell:  func(t topic) string { return strconv.Itoa(len(t.Publishers)) },
			Order: table.Most(func(t topic) int { return len(t.Publishers) })},
		{Head: "SUB", Saved: saved("subscribers", func(t topic) any { return len(t.Subscribers) }), About: "subscriptions that the publishers reach, or that wait for one", Width: 3, Drop: 4,
			Cell: func(t topic) string { return strconv.Itoa(subscribers(t)) }, Order: table.Most(subscribers)},
		{Head: "MSG/S", Saved: saved("rate", func(t topic) any { return t.Rate }), About: "messages per second of all publishers, by their own counters", Width: 6,
			Cell:  func(t topic) string { return text.Rate(t.Rate) },
			Order: table.Most(func(t topic) float64 { return t.Rate })},
		{Head: "TREND", About: "MSG/S since the screen was opened, each on a scale of its own", Width: 8, Drop: 3,
			Fill: func(t topic, w int) string { return chart.Sparkline(m.history.Of(t.Name).Rate, w) }},
		{Head: "BANDWIDTH", Saved: saved("bandwidth", func(t topic) any { return t.Bandwidth }), About: "payload bytes per second", Width: 9, Drop: 6,
			Cell:  func(t topic) string { return text.Bandwidth(t.Bandwidth) },
			Order: table.Most(func(t topic) float64 { return t.Bandwidth })},
		{Head: "SIZE", Saved: saved("size", func(t topic) any { return t.Size }), About: "payload of the newest message", Width: 7, Drop: 9,
			Cell:  func(t topic) string { return text.Bytes(t.Size) },
			Order: table.Most(func(t topic) uint64 { return t.Size })},
	}
}

// healthColumns say how the messages of a topic arrive.
func healthColumns(m *Model) []table.Column[topic] {
	delay := func(of func(t topic) int64) (func(topic) string, func(a, b topic) int) {
		return func(t topic) string { return t.DelayText(of(t)) }, table.Most(of)
	}
	column := func(c table.Column[topic], of func(t topic) int64) table.Column[topic] {
		c.Cell, c.Order = delay(of)
		return c
	}
	return []table.Column[topic]{
		{Head: "LOST", Saved: savedLoss, About: "by subscriptions, also what a hung one has yet to notice; ~: of all topics of a subscription", Width: 6, Drop: 1,
			Cell: topic.LostText, Order: table.Most(func(t topic) uint64 { return t.Lost + t.LostShared }),
			Level: func(t topic) theme.Level { return m.levelOfLoss(t.Name) }},
		{Head: "LAG", Saved: saved("lag", func(t topic) any { return t.Lag }), About: "messages that the subscription furthest behind has not taken", Width: 6, Drop: 7,
			Cell: func(t topic) string { return text.Count(t.Lag) }, Order: table.Most(func(t topic) uint64 { return t.Lag })},
		column(table.Column[topic]{Head: "P50", Saved: savedDelay("latency_p50_ns", func(t topic) int64 { return t.P50 }), About: "median delay from publish to take in the last ten seconds; one of sixteen is sampled, and without one the last of a minute stays", Width: 8, Drop: 10},
			func(t topic) int64 { return t.P50 }),
		column(table.Column[topic]{Head: "P99", Saved: savedDelay("latency_p99_ns", func(t topic) int64 { return t.P99 }), About: "99th percentile of the same", Width: 8, Drop: 2},
			func(t topic) int64 { return t.P99 }),
		column(table.Column[topic]{Head: "MAX", Saved: savedDelay("latency_max_ns", func(t topic) int64 { return t.Worst }), About: "greatest of the same", Width: 8, Off: true}, func(t topic) int64 { return t.Worst }),
		column(table.Column[topic]{Head: "JITTER", Saved: savedDelay("jitter_ns", topic.Jitter), About: aboutJitter, Width: 8, Off: true}, topic.Jitter),
		{Head: "AGE", Saved: saved("age_s", func(t topic) any { return secondsSince(m, t.Last) }), About: "time since the newest message", Width: 8, Drop: 11,
			Cell: func(t topic) string { return age(m, t) }, Order: table.Most(func(t topic) int64 { return t.Last })},
		{Head: "HELD", Saved: saved("held", func(t topic) any { return t.Held }), About: "samples that subscriptions have not released", Width: 6, Off: true,
			Cell: func(t topic) string { return text.Count(t.Held) }, Order: table.Most(func(t topic) uint64 { return t.Held })},
		{Head: "BAD", Saved: savedUndecodable, About: "messages that subscriptions could not decode", Width: 6, Off: true,
			Cell: func(t topic) string { return text.Count(undecodable(t)) }, Order: table.Most(undecodable)},
		{Head: "MESSAGES", Saved: saved("messages", func(t topic) any { return t.Messages }), About: "published by the present publishers", Width: 8, Off: true,
			Cell: func(t topic) string { return text.Count(t.Messages) }, Order: table.Most(func(t topic) uint64 { return t.Messages })},
		{Head: "STATE", Saved: saved("state", func(t topic) any { return string(t.State) }), About: "live, quiet (none yet), latched, stale (stopped coming), waiting (no publisher), gone", Width: 8, Left: true, Off: true,
			Cell: func(t topic) string { return string(t.State) }, Order: table.Names(func(t topic) string { return string(t.State) })},
	}
}

// aboutJitter is the meaning of every column of jitter.
const aboutJitter = "P99 less P50: how much later than usual the late ones arrive"

func savedLoss(t topic) []table.Saved {
	return []table.Saved{{Name: "lost", Value: t.Lost}, {Name: "lost_shared", Value: t.LostShared}}
}

func savedUndecodable(t topic) []table.Saved {
	return []table.Saved{{Name: "undecodable", Value: t.Undecodable}, {Name: "undecodable_shared", Value: t.UndecodableShared}}
}

func savedDelay(name string, of func(topic) int64) func(topic) []table.Saved {
	return func(t topic) []table.Saved {
		return []table.Saved{{Name: name, Value: known(of(t))}, {Name: "latency_shared", Value: t.DelayShared}}
	}
}

// subscribers returns how many subscriptions get the topic, or would if it had a publisher.
func subscribers(t topic) int {
	if len(t.Publishers) > 0 {
		return t.Connected
	}
	return len(t.Subscribers)
}

func typeCell(t topic) string {
	s := named(t.Type)
	if t.MoreTypes > 0 {
		s += " +" + strconv.Itoa(t.MoreTypes)
	}
	return s
}

func undecodable(t topic) uint64 { return t.Undecodable + t.UndecodableShared }

func age(m *Model, t topic) string {
	if t.Last <= 0 {
		return "-"
	}
	return text.Duration(m.view.At - t.Last)
}

// levelOfLoss is Problem while a topic loses messages: the column counts those of all time.
func (m *Model) levelOfLoss(name string) theme.Level {
	lost := m.history.Of(name).Lost
	for _, n := range lost[max(0, len(lost)-10):] {
		if n > 0 {
			return theme.Problem
		}
	}
	return theme.Plain
}

// signOfTopic is the mark of the worst that is the matter with a topic.
func (m *Model) signOfTopic(t topic) table.Sign {
	switch {
	case t.Mismatched > 0:
		return table.Sign{Mark: "!", Level: theme.Problem}
	case undecodable(t) > 0 || m.liars[t.Name] != nil:
		return table.Sign{Mark: "#", Level: theme.Problem}
	case m.alerts.topics[t.Name]:
		return table.Sign{Mark: "^", Level: theme.Problem}
	case m.levelOfLoss(t.Name) == theme.Problem:
		return table.Sign{Mark: "*"} // the figure itself is coloured
	case t.Paused > 0:
		return table.Sign{Mark: "s", Level: theme.Warning}
	}
	switch t.State {
	case watch.Stale:
		if m.alerts.monitor != nil { // no rule is against it
			return table.Sign{Mark: "~", Level: theme.Faint}
		}
		return table.Sign{Mark: "~", Level: theme.Warning}
	case watch.Gone:
		return table.Sign{Mark: "x", Level: theme.Faint}
	case watch.Waiting:
		return table.Sign{Mark: "?", Level: theme.Faint}
	case watch.Quiet:
		return table.Sign{Mark: ".", Level: theme.Faint}
	}
	return table.Sign{}
}

// topicMarks explains the marks, for the help.
func topicMarks() []string {
	return []string{
		"! a subscription expects another type",
		"# a subscription could not decode messages, or one that was shown is not of the announced type",
		"^ a rule of --rules is not kept, as the log says",
		"* messages were lost in the last scans",
		"s a process is stopped",
		"~ messages came and stopped",
		"? subscriptions and no publisher",
		". nothing was published yet",
		"x gone",
	}
}

// noTopics says why there are no rows.
func (m *Model) noTopics() string {
	switch {
	case !m.loaded:
		return "looking…"
	case len(m.view.Topics) > 0:
		return "no topic matches the filter; esc clears it"
	case m.view.Hidden > 0:
		return "no topics yet but those of services, which 9 shows"
	case len(m.view.Participants) > 0:
		return "no topics yet"
	case m.view.Missing:
		return "no such directory yet: " + escape(m.opts.Domain)
	}
	return "no topics, no participants in this domain"
}
