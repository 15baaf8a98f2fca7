package command

import (
	"fmt"
	"os"
	"sync"

	"github.com/charmbracelet/x/term"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
)

// A progressLine is the line on a terminal that tells that something goes on. In a pipe it is silent.
type progressLine struct {
	screen *os.File                     // nil: not a terminal
	render func(record.Progress) string // of show

	mu     sync.Mutex
	shown  bool
	last   record.Progress // of show
	showed bool
}

func (a *app) progress(render func(record.Progress) string) *progressLine {
	return &progressLine{screen: a.ErrScreen, render: render}
}

func (a *app) progressLine() *progressLine { return &progressLine{screen: a.ErrScreen} }

func (l *progressLine) show(p record.Progress) {
	l.mu.Lock()
	l.last, l.showed = p, true
	l.mu.Unlock()
	l.print(l.render(p))
}

func (l *progressLine) print(line string) {
	if l.screen == nil {
		return
	}
	// A line that wraps could not be written over.
	if width, _, err := term.GetSize(l.screen.Fd()); err == nil && width > 0 {
		line = text.Left(line, min(text.Width(line), width-1))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shown = true
	fmt.Fprintf(l.screen, "\r%s\x1b[K", line)
}

func (l *progressLine) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown {
		fmt.Fprint(l.screen, "\r\x1b[K")
	}
}

// again shows the last progress as it is rendered now: something has changed, or a message took its place.
func (l *progressLine) again() {
	l.mu.Lock()
	p, showed := l.last, l.showed
	l.mu.Unlock()
	if showed {
		l.print(l.render(p))
	}
}
