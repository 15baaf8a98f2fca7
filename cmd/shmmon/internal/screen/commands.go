package screen

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/message"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
)

// A command is what can be typed after ":".
type command struct {
	name, args, about string
	run               func(m *Model, arg string) (tea.Cmd, error)
}

// commands returns all commands in the order of the help.
func commands() []command {
	view := func(i int) func(*Model, string) (tea.Cmd, error) {
		return func(m *Model, _ string) (tea.Cmd, error) {
			m.show(m.roots[i])
			return nil, nil
		}
	}
	onTable := func(do func(m *Model, t tabular, arg string) error) func(*Model, string) (tea.Cmd, error) {
		return func(m *Model, arg string) (tea.Cmd, error) {
			t, ok := m.page().(tabular)
			if !ok {
				return nil, fmt.Errorf("this view has no table")
			}
			return nil, do(m, t, arg)
		}
	}
	choose := func(on bool) func(m *Model, t tabular, arg string) error {
		return func(m *Model, t tabular, arg string) error {
			i, err := columnOf(t, arg)
			if err == nil && !t.Choose(i, on) {
				err = staysShown(arg)
			}
			return err
		}
	}
	return []command{
		{"topics", "", "all topics", view(0)},
		{"connections", "", "each publisher to each subscription", view(1)},
		{"processes", "", "participants", view(2)},
		{"graph", "", "which process feeds which", view(3)},
		{"memory", "", "shared memory", view(4)},
		{"log", "", "what happened", view(5)},
		{"detail", "[TOPIC]", "one topic", (*Model).openDetail},
		{"help", "", "keys, commands, columns", view(viewHelp)},
		{"services", "", "services with their calls", view(8)},
		{"goals", "", "goals and their states", view(9)},
		{"parameters", "", "parameters of processes", view(10)},
		{"sort", "COLUMN", "sort by any column, shown or not", onTable(func(m *Model, t tabular, arg string) error {
			i, err := columnOf(t, arg)
			if err == nil && !t.SortBy(i) {
				err = fmt.Errorf("%s is a drawing and has no order", strings.ToUpper(arg))
			}
			return err
		})},
		{"filter", "[TEXT]", "as /", func(m *Model, arg string) (tea.Cmd, error) {
			p, ok := m.filtered()
			if !ok {
				return nil, fmt.Errorf("this view has no filter")
			}
			p.SetFilter(table.NewFilter(arg))
			return nil, nil
		}},
		{"group", "N", "group by N segments of the name, 0 to 4", onTable(func(m *Model, t tabular, arg string) error {
			n, err := strconv.Atoi(arg)
			if err != nil || n < 0 || n > 4 {
				return fmt.Errorf("group %.20q is not a number from 0 to 4", arg)
			}
			t.GroupBy(n)
			return nil
		})},
		{"show", "COLUMN", "show a column", onTable(choose(true))},
		{"hide", "COLUMN", "hide a column", onTable(choose(false))},
		{"save", "[FILE]", "save the table as csv, or json by the name", func(m *Model, arg string) (tea.Cmd, error) {
			m.saveTable(arg)
			return nil, nil
		}},
		{"interval", "DURATION", "between scans, 100ms to 1h", func(m *Model, arg string) (tea.Cmd, error) {
			d, err := time.ParseDuration(arg)
			if err != nil || d < 100*time.Millisecond || d > time.Hour {
				return nil, fmt.Errorf("interval %.20q is not between 100ms and 1h", arg)
			}
			m.opts.Interval = d
			m.tracker.SetWindow(windowOf(d))
			if m.scanning {
				return nil, nil
			}
			return m.scan(), nil // at once: the next tick is one of the old interval
		}},
		{"plot", "[FIELD]", "plot a field, or a message that is a number", (*Model).plotField},
		{"quit", "", "end", func(*Model, string) (tea.Cmd, error) { return tea.Quit, nil }},
	}
}

// command runs what was typed. The beginning of a name is enough if only one name begins so.
func (m *Model) command(typed string) tea.Cmd {
	name, arg, _ := strings.Cut(strings.TrimSpace(typed), " ")
	if name == "" {
		return nil
	}
	found := matching(name)
	if len(found) != 1 {
		m.say(theme.Warning, fmt.Sprintf("no command %.40q; ? lists them", name))
		if len(found) > 1 {
			m.say(theme.Warning, fmt.Sprintf("%.40q may be %s", name, strings.Join(namesOf(found), ", ")))
		}
		return nil
	}
	cmd, err := found[0].run(m, strings.TrimSpace(arg))
	if err != nil {
		m.say(theme.Warning, err.Error())
	}
	return cmd
}

func matching(name string) (found []command) {
	for _, c := range commands() {
		if c.name == name {
			return []command{c}
		}
		if strings.HasPrefix(c.name, name) {
			found = append(found, c)
		}
	}
	return found
}

func namesOf(all []command) []string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.name
	}
	return names
}

// complete finishes the name of a command if only one begins as typed.
func complete(typed string) string {
	if found := matching(typed); len(found) == 1 && typed != "" {
		return found[0].name + " "
	}
	return typed
}

// commandHint tells what may be typed.
func commandHint(typed string) string {
	name, _, _ := strings.Cut(typed, " ")
	found := matching(name)
	if len(found) == 1 {
		return strings.TrimSpace(found[0].name+" "+found[0].args) + ": " + found[0].about
	}
	return strings.Join(namesOf(found), " ")
}

func columnOf(t tabular, head string) (int, error) {
	if i := t.Column(head); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("no column %.40q; c lists them", head)
}

func (m *Model) openDetail(name string) (tea.Cmd, error) {
	if name == "" {
		m.show(m.roots[viewDetail])
		return nil, nil
	}
	if _, ok := m.view.Find(name); !ok {
		return nil, fmt.Errorf("no topic %.255q", name)
	}
	return m.openTopic(name), nil
}

func (m *Model) plotField(path string) (tea.Cmd, error) {
	d, ok := m.page().(*detail)
	if !ok {
		return nil, fmt.Errorf("only the detail of a topic has plots")
	}
	if l := &m.live; l.got {
		fields, _ := l.decoder.Fields(&l.newest, path) // without fields there is no number
		for _, f := range fields {
			if (f.Path == path || f.Key == message.KeyOf(path)) && f.Numeric {
				d.part, d.plotted = partMessage, f
				return nil, nil
			}
		}
	}
	return nil, fmt.Errorf("the message has no number %.255q", path)
}

// plotted returns the path of the field that the screen shows a plot of, "" if it shows none.
func (m *Model) plotted() string {
	if d, ok := m.page().(*detail); ok {
		return d.plotted.Path
	}
	return ""
}
