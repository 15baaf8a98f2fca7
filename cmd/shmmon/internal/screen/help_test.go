package screen

import (
	"strings"
	"testing"

	"charm.land/bubbles/v2/key"
	"github.com/charmbracelet/x/ansi"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// The help that a view opens begins with its columns, whose whole meaning is on the screen at any width.
func TestHelp_BeginsWithTheView(t *testing.T) {
	for _, width := range []int{40, 80, 200} {
		d := drive(t, &script{make: robot}, width, 24, 2).press("2", "?")
		if lines := strings.Split(d.screen(), "\n"); !strings.HasPrefix(lines[above], "Columns of Connections") {
			t.Errorf("it begins with %q", lines[above])
		}
		words := " " + strings.Join(strings.Fields(ansi.Strip(strings.Join(d.helpLines(width), " "))), " ")
		for _, c := range connectionColumns(d.Model) {
			if !strings.Contains(words, " "+c.Head+" "+c.About) {
				t.Errorf("at %d cells %s is cut in %s", width, c.Head, words)
			}
		}
		for _, l := range d.helpLines(width) {
			if text.Width(ansi.Strip(l)) > width {
				t.Errorf("%q has no room in %d cells", ansi.Strip(l), width)
			}
		}
		if d.press("?"); d.page() != d.roots[1] {
			t.Error("a second ? does not close it")
		}
		d.press("1", "?").shows("Columns of Topics").press("G").shows("Columns of Parameters")
	}
}

func TestHelp_MadeOfTheKeyMap(t *testing.T) {
	d := drive(t, &script{make: robot}, 200, 24, 2)
	all := strings.Join(d.helpLines(200), "\n")
	seen := make(map[string]bool)
	for _, g := range d.keys.groups() {
		for _, b := range g.keys {
			if b.Help().Key == "" || !strings.Contains(all, b.Help().Desc) {
				t.Errorf("%v has no help", b.Keys())
			}
			for _, s := range b.Keys() {
				if seen[s] {
					t.Errorf("%q is bound twice", s)
				}
				seen[s] = true
			}
		}
	}
	for _, b := range []key.Binding{d.keys.Save, d.keys.Suspend, d.keys.CopyPath, d.keys.Columns} {
		if !seen[b.Keys()[0]] {
			t.Errorf("%v is not in the help", b.Keys())
		}
	}
	for _, c := range commands() {
		if !strings.Contains(all, c.about) {
			t.Errorf(":%s has no help", c.name)
		}
	}
	for _, p := range d.roots {
		if p, ok := p.(described); ok {
			for _, c := range p.describe() {
				if c.about == "" || !strings.Contains(all, c.about) {
					t.Errorf("column %s is not explained", c.head)
				}
			}
		}
	}
	d = drive(t, &script{make: robot}, 40, 12, 2).press("8", "end")
	d.shows("DESCRIPTION  by its owner")
	d.press("home").shows("Move")
	for range len(d.helpLines(40)) {
		d.press("down")
	}
	d.shows("DESCRIPTION  by its owner")
}
