// Package theme is how the terminal screen of shmmon looks: colours, and characters for terminals without Unicode.
//
// The colours are the sixteen that a user has chosen for the terminal, so they are readable on light and dark backgrounds. Nothing is
// said by colour alone: each coloured part also has a mark or a word.
package theme

import "charm.land/lipgloss/v2"

// A Level says how much attention a part of the screen needs.
type Level uint8

// Levels, in ascending order of attention, but for Faint, which needs none.
const (
	Plain Level = iota
	Faint
	Good
	Warning
	Problem
)

// Styles are the looks of the parts of a screen. Paint with colours that the terminal lacks is turned into what it has when the
// screen is written.
type Styles struct {
	Title, Head, Sorted, Cursor, Key, Tab, Group lipgloss.Style
	levels                                       [Problem + 1]lipgloss.Style
}

// New returns the styles.
func New() Styles {
	s := lipgloss.NewStyle
	color := func(c string) lipgloss.Style { return s().Foreground(lipgloss.Color(c)) }
	return Styles{
		Title: s().Bold(true), Head: s().Bold(true), Sorted: s().Bold(true).Underline(true), Cursor: s().Reverse(true),
		Key: color("6"), Tab: s().Reverse(true), Group: s().Bold(true),
		levels: [...]lipgloss.Style{Plain: s(), Faint: s().Faint(true), Good: color("2"), Warning: color("3"), Problem: color("1")},
	}
}

// Paint writes s, which has no line ends, at a level.
func (s *Styles) Paint(l Level, text string) string {
	if l == Plain || text == "" {
		return text
	}
	return s.levels[l].Render(text)
}
