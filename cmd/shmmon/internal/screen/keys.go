package screen

import (
	"strings"

	"charm.land/bubbles/v2/key"
)

// A keyMap holds every key of the screen. Update, the line of keys and the help all read it, so they cannot disagree.
type keyMap struct {
	Views, NextView, PreviousView                         key.Binding
	Up, Down, PageUp, PageDown, Top, Bottom, Left, Right  key.Binding
	Open, Back, Filter, Command                           key.Binding
	SortNext, SortPrevious, Reverse, Columns, Group, Wide key.Binding
	Split, Pause, Save, Copy, CopyPath                    key.Binding
	Endpoints, Message, Hex, Image, Freeze, Diff          key.Binding
	Help, Quit, Interrupt, Suspend                        key.Binding
}

func newKeyMap() keyMap {
	bind := func(show, what string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(show, what))
	}
	return keyMap{
		Views:        bind("1…9 0 -", "view of that key", strings.Split(viewKeys, "")...),
		NextView:     bind("tab", "next view", "tab"),
		PreviousView: bind("shift+tab", "previous view", "shift+tab"),
		Up:           bind("↑/k", "up", "up", "k"),
		Down:         bind("↓/j", "down", "down", "j"),
		PageUp:       bind("pgup/ctrl+b", "page up", "pgup", "ctrl+b"),
		PageDown:     bind("pgdn/ctrl+f", "page down", "pgdown", "ctrl+f"),
		Top:          bind("home/g", "first", "home", "g"),
		Bottom:       bind("end/G", "last", "end", "G"),
		Left:         bind("←/h", "scroll to the left", "left", "h"),
		Right:        bind("→/l", "scroll to the right", "right", "l"),
		Open:         bind("enter", "open; fold a group; plot a field", "enter"),
		Back:         bind("esc", "back; clear the filter", "esc"),
		Filter:       bind("/", "filter: expression, !inverse, ~fuzzy", "/"),
		Command:      bind(":", "command", ":"),
		SortNext:     bind(">", "sort by the next column", ">", "."),
		SortPrevious: bind("<", "sort by the previous column", "<", ","),
		Reverse:      bind("r", "reverse the order", "r"),
		Columns:      bind("c", "choose columns", "c"),
		Group:        bind("t", "group by prefix", "t"),
		Wide:         bind("w", "all columns, wide", "w"),
		Split:        bind("v", "split: newest message beside the table", "v"),
		Pause:        bind("p/space", "pause: the screen stands still", "p", "space"),
		Save:         bind("ctrl+s", "save the table as csv", "ctrl+s"),
		Copy:         bind("y", "copy: the name or value", "y"),
		CopyPath:     bind("Y", "copy the path of the field", "Y"),
		Endpoints:    bind("e", "endpoints: publishers and subscriptions of the topic", "e"),
		Message:      bind("m", "message: fields of the newest one", "m"),
		Hex:          bind("x", "hex: bytes of the newest message", "x"),
		Image:        bind("i", "image: picture of the newest message", "i"),
		Freeze:       bind("f", "freeze: keep this message", "f"),
		Diff:         bind("d", "changes: only fields that changed", "d"),
		Help:         bind("?", "help", "?"),
		Quit:         bind("q", "quit", "q"),
		Interrupt:    bind("ctrl+c", "quit at once", "ctrl+c"),
		Suspend:      bind("ctrl+z", "suspend; fg continues", "ctrl+z"),
	}
}

// A keyGroup is a part of the key map under a title of the help.
type keyGroup struct {
	title string
	keys  []key.Binding
}

// groups returns every key once.
func (k *keyMap) groups() []keyGroup {
	return []keyGroup{
		{"Move", []key.Binding{k.Views, k.NextView, k.PreviousView, k.Up, k.Down, k.PageUp, k.PageDown, k.Top, k.Bottom, k.Left, k.Right, k.Open, k.Back}},
		{"Table", []key.Binding{k.Filter, k.SortNext, k.SortPrevious, k.Reverse, k.Columns, k.Group, k.Wide, k.Save}},
		{"Message", []key.Binding{k.Split, k.Endpoints, k.Message, k.Hex, k.Image, k.Freeze, k.Diff, k.Copy, k.CopyPath}},
		{"Program", []key.Binding{k.Command, k.Pause, k.Help, k.Suspend, k.Quit, k.Interrupt}},
	}
}
