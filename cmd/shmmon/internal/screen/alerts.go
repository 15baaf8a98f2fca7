package screen

import (
	"fmt"
	"maps"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/rules"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// An alerter holds the rules of the user against each view. Without rules the health of the domain is shown instead.
type alerter struct {
	monitor *rules.Monitor // nil: there are no rules
	seen    map[alertKey]seenAlert
	shown   map[rules.Kind][]rules.Alert
	topics  map[string]bool // that the alerts that are shown are about
}

type alertKey struct {
	kind        rules.Kind
	topic       string
	participant registry.ID
}

type seenAlert struct {
	at int64 // in the newest view that had it
	rules.Alert
}

// alertKept is for how long what was counted stays an alert, and one that comes back is not news, ns.
const alertKept = int64(10e9)

// take holds the rules against a view and notes in the log what is new. Without rules it does nothing.
func (a *alerter) take(m *Model, v watch.View) {
	if a.monitor == nil {
		return
	}
	if a.seen == nil {
		a.seen = make(map[alertKey]seenAlert)
	}
	alerts, _ := a.monitor.Add(v)
	for _, one := range alerts {
		key := alertKey{one.Kind, one.Topic, one.Participant.ID}
		if _, known := a.seen[key]; !known {
			m.log.Note(entry{At: v.At, Kind: watch.Alerted, Topic: one.Topic, Unit: one.Participant.Unit, PID: one.Participant.PID, Text: one.What})
		}
		a.seen[key] = seenAlert{v.At, one}
	}
	maps.DeleteFunc(a.seen, func(_ alertKey, s seenAlert) bool { return v.At-s.at >= alertKept })
}

// show shows the alerts of the newest view, which was taken at a time.
func (a *alerter) show(at int64) {
	a.shown, a.topics = make(map[rules.Kind][]rules.Alert), make(map[string]bool)
	for _, s := range a.seen {
		if counted := s.Kind == rules.Lost || s.Kind == rules.Undecodable; s.at == at || counted {
			a.shown[s.Kind] = append(a.shown[s.Kind], s.Alert)
			a.topics[s.Topic] = true
		}
	}
}

// parts are the pieces of the header about the rules that are not kept, the worst first.
func (a *alerter) parts() (parts []part) {
	for _, kind := range rules.Kinds() {
		n := len(a.shown[kind])
		switch {
		case n == 0:
		case kind == rules.Free:
			parts = append(parts, part{fmt.Sprintf("▲ tmpfs %.0f%% free", a.shown[kind][0].Value), theme.Problem})
		default:
			level, what := alertWords(kind)
			parts = append(parts, part{"▲ " + text.Count(uint64(n)) + " " + what, level})
		}
	}
	return parts
}

// alertWords says in a word or two what an alert of a kind is about.
func alertWords(kind rules.Kind) (theme.Level, string) {
	switch kind {
	case rules.Dead:
		return theme.Warning, "dead"
	case rules.Stopped:
		return theme.Warning, "stopped"
	case rules.Stale:
		return theme.Warning, "stale"
	case rules.Required:
		return theme.Problem, "not published"
	case rules.Mismatch:
		return theme.Problem, "mismatched"
	case rules.Undecodable:
		return theme.Problem, "undecodable"
	case rules.MinRate:
		return theme.Problem, "below rate"
	case rules.MaxRate:
		return theme.Problem, "above rate"
	case rules.Age:
		return theme.Problem, "too old"
	case rules.Latency:
		return theme.Problem, "late"
	case rules.Lost:
		return theme.Problem, "losing"
	case rules.Lag:
		return theme.Problem, "lagging"
	}
	return theme.Problem, string(kind)
}
