package screen

import (
	"github.com/charmbracelet/lipgloss"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// styles are the colours, all of the sixteen that every terminal has in the user's own choice. Nothing is said by colour
// alone: without any, the marks and the cursor remain.
type styles struct {
	title, head, sorted, cursor, faint, bad, key lipgloss.Style
	states                                       map[watch.State]lipgloss.Style
}

func newStyles(r *lipgloss.Renderer) styles {
	s := r.NewStyle
	color := func(c string) lipgloss.Style { return s().Foreground(lipgloss.Color(c)) }
	return styles{
		title: s().Bold(true), head: s().Bold(true), sorted: s().Bold(true).Underline(true), cursor: s().Reverse(true),
		faint: s().Faint(true), bad: color("1"), key: color("6"),
		states: map[watch.State]lipgloss.Style{watch.Stale: color("3"), watch.Gone: s().Faint(true), watch.Waiting: s().Faint(true), watch.Quiet: s().Faint(true)},
	}
}

// mark returns the character before a topic that says what is the matter with it.
func mark(t watch.Topic) string {
	if t.Mismatched > 0 {
		return "!"
	}
	switch t.State {
	case watch.Stale:
		return "~"
	case watch.Gone:
		return "x"
	case watch.Waiting:
		return "?"
	case watch.Quiet:
		return "."
	}
	return " "
}

// marks explains them, for the help.
const marks = `Before a topic:
  ~  stale: messages used to come and stopped     x  gone
  .  published nothing yet                        ?  subscriptions, no publisher
  !  a subscription expects another type

MSG/S and BANDWIDTH are of all publishers together, from their own counters.
SUB is how many subscriptions they reach, SIZE that of the newest message.
P50 and P99: delay from publish to take in the last ten seconds, sampled.
~ before a figure: it covers other topics of the same subscription as well.`
