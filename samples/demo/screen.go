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

// say writes a line, below the table if there is one.
func (s *screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn = 0
	fmt.Fprintf(s.w, format+"\n", args...)
}

// watch returns a function that shows the newest values, for one phase of the demo.
func (s *screen) watch() func([]value) {
	start := time.Now()
	told := start
	return func(values []value) {
		s.mu.Lock()
		defer s.mu.Unlock()
		now := time.Now()
		if s.terminal {
			s.draw(now.Sub(start), values)
			return
		}
		if now.Sub(told) >= time.Second {
			told = now
			fmt.Fprintln(s.w, summary(now.Sub(start), values))
		}
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

// summary is one line of what tells most.
func summary(elapsed time.Duration, values []value) string {
	line := fmt.Sprintf("  %3.0f s %6d samples on %d topics", elapsed.Seconds(), total(values), len(values))
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

// cut shortens a line to what fits. What the kernel and other processes say may hold anything, so what would move the
// cursor is taken out.
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
