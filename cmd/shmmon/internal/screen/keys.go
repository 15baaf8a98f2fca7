package screen

import "github.com/charmbracelet/bubbles/key"

// A keyMap holds every key the table knows. Update and the help both read it, so they cannot disagree.
type keyMap struct {
	Up, Down, PageUp, PageDown, Top, Bottom     key.Binding
	Open, Back, Filter, Apply, Erase, EraseAll  key.Binding
	SortNext, SortPrevious, SortColumn, Reverse key.Binding
	Pause, Help, Quit, Interrupt                key.Binding
}

func newKeyMap() keyMap {
	bind := func(show, what string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(show, what))
	}
	return keyMap{
		Up:           bind("↑/k", "up", "up", "k"),
		Down:         bind("↓/j", "down", "down", "j"),
		PageUp:       bind("pgup/b", "page up", "pgup", "b"),
		PageDown:     bind("pgdn/f", "page down", "pgdown", "f"),
		Top:          bind("home/g", "first", "home", "g"),
		Bottom:       bind("end/G", "last", "end", "G"),
		Open:         bind("enter", "details", "enter"),
		Back:         bind("esc", "back", "esc"),
		Filter:       bind("/", "filter", "/"),
		Apply:        bind("enter", "apply", "enter"),
		Erase:        bind("backspace", "erase", "backspace"),
		EraseAll:     bind("ctrl+u", "erase all", "ctrl+u"),
		SortNext:     bind("→/>", "sort by next column", "right", ">", "l"),
		SortPrevious: bind("←/<", "sort by previous column", "left", "<", "h"),
		SortColumn:   bind("1…9", "sort by that column on screen", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
		Reverse:      bind("r", "reverse", "r"),
		Pause:        bind("p", "pause", "p", " "),
		Help:         bind("?", "help", "?"),
		Quit:         bind("q", "quit", "q"),
		Interrupt:    bind("ctrl+c", "quit at once", "ctrl+c"),
	}
}

// bindings is a part of the map in the form that the help wants.
type bindings []key.Binding

func (b bindings) ShortHelp() []key.Binding  { return b }
func (b bindings) FullHelp() [][]key.Binding { return [][]key.Binding{b} }

func (k *keyMap) table() bindings {
	sort := k.SortNext
	sort.SetHelp("←/→", "sort")
	return bindings{k.Quit, k.Help, k.Filter, sort, k.Reverse, k.Open, k.Pause}
}

func (k *keyMap) filtering() bindings {
	clear := k.Back
	clear.SetHelp("esc", "clear")
	return bindings{k.Apply, clear, k.EraseAll}
}

func (k *keyMap) detail() bindings { return bindings{k.Back, k.Up, k.Down, k.Pause, k.Help, k.Quit} }

// all returns every key, in the columns of the help screen.
func (k *keyMap) all() [][]key.Binding {
	return [][]key.Binding{
		{k.Up, k.Down, k.PageUp, k.PageDown, k.Top, k.Bottom, k.Open, k.Back},
		{k.Filter, k.SortNext, k.SortPrevious, k.SortColumn, k.Reverse, k.Pause, k.Help, k.Quit, k.Interrupt},
	}
}
