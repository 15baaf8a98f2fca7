package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/record"
)

// keyHelp is what ? shows.
const keyHelp = "space pause, resume · s or → next message · ↑ ↓ twice, half as fast · 1 as recorded · m max · , . 10 s back, ahead · q end"

// keyTimeout bounds the time of one key, after which the next one is read.
const keyTimeout = time.Second

// seekStep is how far one key seeks.
const seekStep = 10 * time.Second

// keySequences are the bytes that a terminal sends for keys that have no character.
func keySequences() map[string]string {
	return map[string]string{"\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1bOA": "up", "\x1bOB": "down", "\x1bOC": "right"}
}

// nextKey splits the first key off what a terminal sent.
func nextKey(input string) (key, rest string) {
	for sequence, key := range keySequences() {
		if after, ok := strings.CutPrefix(input, sequence); ok {
			return key, after
		}
	}
	return input[:1], input[1:]
}

// pressed executes a key. end interrupts the replay. It returns what is to be shown.
func pressed(ctx context.Context, key string, c *record.PlayControl, end func()) (shown string) {
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	var err error
	switch key {
	case " ":
		if c.Paused() {
			c.Resume()
		} else {
			c.Pause()
		}
	case "s", "right":
		err = c.Step(ctx, 1, "")
	case "up", "down":
		s := c.Status()
		factor := map[string]float64{"up": 2, "down": 0.5}[key]
		err = c.SetRate(max(s.Rate, 0.5) * factor)
		if s.Rate > 0 {
			err = c.SetRate(s.Rate * factor)
		}
	case "1":
		err = c.SetRate(1)
	case "m":
		err = c.SetRate(math.Inf(1))
	case ",":
		err = c.SeekBy(ctx, -seekStep)
	case ".":
		err = c.SeekBy(ctx, seekStep)
	case "q", "\x04":
		c.Stop()
	case "\x03":
		end()
	case "?", "h":
		return keyHelp
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// playKeys executes the keys of the terminal until restore is called, if standard input and standard error are one and this is no background
// job. Without line discipline the terminal sends Ctrl-C as a key, which calls end.
func (a *app) playKeys(ctx context.Context, c *record.PlayControl, line *progressLine, end func()) (restore func()) {
	fd := os.Stdin.Fd()
	if a.ErrScreen == nil || !term.IsTerminal(fd) || !process.Foreground(fd) {
		return func() {}
	}
	before, err := term.MakeRaw(fd)
	if err != nil {
		return func() {}
	}
	go a.readKeys(ctx, os.Stdin, c, line, end)
	return func() { _ = term.Restore(fd, before) } // a terminal that is gone needs none
}

// readKeys ends with its input or, after one more key, with ctx.
func (a *app) readKeys(ctx context.Context, in io.Reader, c *record.PlayControl, line *progressLine, end func()) {
	var b [64]byte
	for ctx.Err() == nil {
		n, err := in.Read(b[:])
		if err != nil {
			return
		}
		for key, rest := "", string(b[:n]); rest != "" && ctx.Err() == nil; {
			key, rest = nextKey(rest)
			if shown := pressed(ctx, key, c, end); shown != "" {
				line.clear()
				fmt.Fprintf(a.Stderr, "%s\r\n", shown)
			}
			line.again()
		}
	}
}

// barWidth is the number of columns of the progress bar.
const barWidth = 20

// playLine renders the progress: a bar of the time, the position, the time to the next message, and what keys change.
func playLine(p record.Progress, s record.PlayStatus) string {
	var b strings.Builder
	if p.Length > 0 {
		done := int(barWidth * min(float64(p.Position)/float64(p.Length), 1))
		fmt.Fprintf(&b, "[%s%s] %s of %s, ", strings.Repeat("#", done), strings.Repeat("-", barWidth-done), text.Duration(int64(p.Position.Round(time.Second/10))), text.Duration(int64(p.Length.Round(time.Second/10))))
	}
	if p.Total > 0 {
		fmt.Fprintf(&b, "%d of ", p.Messages)
	}
	fmt.Fprintf(&b, "%d messages", cmp.Or(p.Total, p.Messages))
	if p.Total > 0 && p.Messages > p.Total {
		fmt.Fprintf(&b, ", pass %d", p.Messages/p.Total+1)
	}
	switch {
	case s.State == record.PlayPaused:
		b.WriteString(", paused")
	case p.Next >= time.Second:
		fmt.Fprintf(&b, ", the next one in %s", p.Next.Round(time.Second))
	}
	switch {
	case s.Max:
		b.WriteString(", rate max")
	case s.Rate != 0 && s.Rate != 1:
		fmt.Fprintf(&b, ", rate %.4g", s.Rate)
	}
	return b.String()
}
