package command

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/term"

	"github.com/shmbus/shmbus/record"
)

func (a *app) write(s string) error {
	_, err := io.WriteString(a.stdout, s)
	return err
}

// document prints v as JSON.
func (a *app) document(v any) error {
	js, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return a.write(string(js) + "\n")
}

func (a *app) printSummary(s *record.Summary, done string) error {
	if a.json {
		if s.Topics == nil {
			s.Topics = []record.TopicSummary{}
		}
		return a.document(s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d messages, %s on %d topics in %s: %s, %s\n",
		done, s.Messages, size(s.Bytes), len(s.Topics), duration(s.Duration), printable(s.Path), size(uint64(s.FileSize)))
	if s.Loops > 1 {
		fmt.Fprintf(&b, "complete passes: %d\n", s.Loops)
	}
	if s.Spacing.Max > 0 {
		fmt.Fprintf(&b, "spacing was off by %s (half of the messages at most), %s (99 %%), %s (all)\n", s.Spacing.P50, s.Spacing.P99, s.Spacing.Max)
	}
	rows := [][]string{{"TOPIC", "TYPE", "ENCODING", "MESSAGES", "SIZE", "LOST"}}
	for _, t := range s.Topics {
		rows = append(rows, []string{
			t.Topic, t.Type, t.Encoding, strconv.FormatUint(t.Messages, 10), size(t.Bytes), strconv.FormatUint(t.Lost, 10),
		})
	}
	if len(rows) > 1 {
		b.WriteByte('\n')
		table(&b, 3, rows)
	}
	return a.write(b.String())
}

// table writes rows of the same length in columns; those from the one numbered right on are figures.
func table(b *strings.Builder, right int, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i := range r {
			if r[i] = printable(r[i]); r[i] == "" {
				r[i] = "-"
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(r[i]))
		}
	}
	for _, r := range rows {
		var line strings.Builder
		for i, cell := range r {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				line.WriteString("  ")
			}
			if i >= right {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// printable escapes what a file may hold and a terminal should not get.
func printable(s string) string {
	odd := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
	if !strings.ContainsFunc(s, odd) {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// printableLines is printable for text of several lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// size writes a number of bytes in at most four digits.
func size(n uint64) string {
	if n < 10_000 {
		return strconv.FormatUint(n, 10) + " B"
	}
	v, unit := float64(n), 0
	for v >= 9999.5 {
		v /= 1000
		unit++
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + " " + " kMGTPE"[unit:unit+1] + "B"
}

// A progressLine is the line on a terminal that tells that something goes on. In a pipe it is silent.
type progressLine struct {
	w      io.Writer // nil: nobody looks
	render func(record.Progress) string

	mu    sync.Mutex
	shown bool
}

func (a *app) progress(render func(record.Progress) string) *progressLine {
	l := &progressLine{render: render}
	if f, ok := a.stderr.(*os.File); ok && term.IsTerminal(f.Fd()) {
		l.w = f
	}
	return l
}

func (l *progressLine) show(p record.Progress) {
	if l.w == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shown = true
	fmt.Fprintf(l.w, "\r%s\x1b[K", l.render(p))
}

func (l *progressLine) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown {
		fmt.Fprint(l.w, "\r\x1b[K")
	}
}
