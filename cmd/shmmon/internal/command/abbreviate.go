package command

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// cuts are how many elements of an array and characters of a text are shown, less and less until the whole is short enough.
func cuts() [][2]int { return [][2]int{{16, 100}, {8, 40}, {3, 20}, {1, 10}} }

// abbreviate shortens compact JSON for people: arrays and texts end early where they stand and say how much was left out, so that
// the fields behind them are seen. What is still longer than limit bytes then, such as an object of many fields, is cut there.
func abbreviate(js string, limit int) string {
	short := js
	for _, cut := range cuts() {
		a := abbreviation{js: js, elements: cut[0], characters: cut[1]}
		a.value(true)
		if short = a.out.String(); len(short) <= limit {
			return short
		}
	}
	return strings.ToValidUTF8(short[:limit], "") + "…"
}

// An abbreviation is JSON on its way from js to out.
type abbreviation struct {
	js                   string
	at                   int
	out                  strings.Builder
	elements, characters int
}

// take passes on n bytes, or leaves them out.
func (a *abbreviation) take(n int, keep bool) {
	if keep {
		a.out.WriteString(a.js[a.at : a.at+n])
	}
	a.at += n
}

func (a *abbreviation) value(keep bool) {
	switch a.js[a.at] {
	case '{':
		a.take(1, keep)
		for a.js[a.at] != '}' {
			if a.js[a.at] == ',' {
				a.take(1, keep)
			}
			a.text(keep)
			a.take(1, keep) // the colon
			a.value(keep)
		}
		a.take(1, keep)
	case '[':
		a.array(keep)
	case '"':
		a.text(keep)
	default:
		n := strings.IndexAny(a.js[a.at:], ",]}")
		if n < 0 {
			n = len(a.js) - a.at
		}
		a.take(n, keep)
	}
}

func (a *abbreviation) array(keep bool) {
	a.take(1, keep)
	n := 0
	for ; a.js[a.at] != ']'; n++ {
		shown := keep && n < a.elements
		if a.js[a.at] == ',' {
			a.take(1, shown)
		}
		a.value(shown)
	}
	if keep && n > a.elements {
		fmt.Fprintf(&a.out, ",… %d more", n-a.elements)
	}
	a.take(1, keep)
}

// text passes on a string, in whole escape sequences.
func (a *abbreviation) text(keep bool) {
	a.take(1, keep)
	n := 0
	for ; a.js[a.at] != '"'; n++ {
		_, length := utf8.DecodeRuneInString(a.js[a.at:])
		if a.js[a.at] == '\\' {
			length = 2
			if a.js[a.at+1] == 'u' {
				length = 6
			}
		}
		a.take(length, keep && n < a.characters)
	}
	a.take(1, keep)
	if keep && n > a.characters {
		fmt.Fprintf(&a.out, "… %d more", n-a.characters)
	}
}
