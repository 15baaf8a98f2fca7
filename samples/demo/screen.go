package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// A screen shows what happens: a table that is redrawn in place on a terminal, plain lines elsewhere. It is safe for
// concurrent use.
type screen struct {
	w        io.Writer
	terminal bool

	mu    sync.Mutex
	drawn int // lines of the table that stand above the cursor
}

// The table fits a terminal of 80x24.
const (
	maxColumns = 79
	maxTopics  = 19
)

func newScreen(f *os.File) *screen {
	info, err := f.Stat()
	return &screen{w: f, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"}
}

// print writes a line, below the table if there is one.
func (s *screen) print(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn = 0
	fmt.Fprintf(s.w, format+"\n", args...)
}

// A view shows the newest values during one phase of the demo.
type view struct {
	*screen
	start, printed time.Time
	last           []value // not shown yet; guarded by screen.mu
}

func (s *screen) watch() *view {
	now := time.Now()
	return &view{screen: s, start: now, printed: now}
}

// show redraws the table on a terminal, and prints a line every second elsewhere.
func (v *view) show(values []value) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	if v.terminal {
		v.draw(now.Sub(v.start), values)
		return
	}
	v.last = values
	if now.Sub(v.printed) >= time.Second {
		v.printed = now
		v.summarise(now)
	}
}

// finish prints the last values if they were not printed.
func (v *view) finish() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.summarise(time.Now())
}

func (v *view) summarise(now time.Time) {
	if v.last != nil {
		fmt.Fprintln(v.w, summary(now.Sub(v.start), v.last))
		v.last = nil
	}
}

func (s *screen) draw(elapsed time.Duration, values []value) {
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", s.drawn)
	}
	lines := []string{fmt.Sprintf("  %.1f s, %d samples received", elapsed.Seconds(), total(values))}
	for _, v := range values[:min(len(values), maxTopics)] {
		lines = append(lines, fmt.Sprintf("  %-20s %6d  %s", v.Topic, v.Count, v.Text))
	}
	if more := len(values) - maxTopics; more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d topics more", more))
	}
	for _, line := range lines {
		b.WriteString(cut(line) + "\n")
	}
	s.drawn = len(lines)
	io.WriteString(s.w, b.String())
}

// summary is one line of the most important values.
func summary(elapsed time.Duration, values []value) string {
	line := fmt.Sprintf("  %4.1f s %6d samples on %d topics", elapsed.Seconds(), total(values), len(values))
	for _, v := range values {
		switch v.Topic {
		case "host/cpu/total":
			busy, _, _ := strings.Cut(v.Text, " (")
			line += ", CPU " + strings.TrimSpace(busy)
		case "host/load":
			line += ", load " + v.Text
		case "host/memory":
			line += ", " + v.Text
		}
	}
	return line
}

func total(values []value) (n uint64) {
	for _, v := range values {
		n += v.Count
	}
	return n
}

// cut shortens a line to the width of the screen. Text of the kernel and of other processes may hold anything, so control
// characters, which would move the cursor, are removed.
func cut(line string) string {
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, line)
	if runes := []rune(line); len(runes) > maxColumns {
		return string(runes[:maxColumns-1]) + "…"
	}
	return line
}
