package screen

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/recorders"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/record"
)

// A recorderAsker asks recorders beside the scans: one that does not answer holds nothing up.
type recorderAsker struct {
	all    []recorders.Recorder
	asking bool
	at     int64 // when they were asked, ns of CLOCK_MONOTONIC
}

type recordersMsg []recorders.Recorder

// askEvery is the least time between two questions, ns.
const askEvery = int64(time.Second)

// ask asks the recorders, unless an answer is awaited or came a moment ago.
func (r *recorderAsker) ask(m *Model) tea.Cmd {
	source := m.opts.Recorders
	if source == nil || r.asking || r.at != 0 && m.view.At-r.at < askEvery {
		return nil
	}
	r.asking, r.at = true, m.view.At
	return func() tea.Msg { return recordersMsg(source.Ask(context.Background())) }
}

func (r *recorderAsker) take(m *Model, msg recordersMsg) {
	if r.asking = false; !m.paused {
		r.all = msg
	}
}

// roomForRecorder is the height of the screen from which recorders have a line of their own.
const roomForRecorder = 16

// recorderLines is the line about the recorder, of several that in the worst trouble; none if nothing is recorded or there is no room.
func (m *Model) recorderLines() []string {
	if len(m.recorder.all) == 0 || m.height < roomForRecorder {
		return nil
	}
	r := &m.recorder.all[0]
	level, verdict := recorderVerdict(r)
	parts := []string{fmt.Sprintf("%s (pid %d)", escape(filepath.Base(cmp.Or(r.File, "?"))), r.PID)}
	if !r.Silent {
		parts = append(parts, bytesOr(r.Size), bytesOr(r.Free)+" left")
		if r.Lost > 0 {
			parts = append(parts, text.Many(r.Lost, "message")+" lost")
		}
	}
	if n := len(m.recorder.all); n > 1 {
		parts = append(parts, text.Many(n-1, "recorder")+" more")
	}
	line := strings.Join(parts, "  ")
	return []string{m.styles.Paint(level, verdict) + text.Left("  "+line, max(0, m.width-text.Width(verdict)))}
}

// recorderVerdict says in a few words how a recorder is, with a mark if that is not well.
func recorderVerdict(r *recorders.Recorder) (theme.Level, string) {
	switch {
	case r.Silent:
		return theme.Warning, "▲ recorder does not answer"
	case r.Verdict == record.Losing:
		return theme.Problem, "▲ recorder losing"
	case r.Verdict == record.FallingBehind:
		return theme.Warning, "▲ recorder falling behind"
	case r.State != record.Recording:
		return theme.Plain, "● recorder " + escape(string(r.State))
	}
	return theme.Good, "● recorder " + escape(string(r.Verdict))
}
