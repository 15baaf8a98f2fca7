package screen

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/recorders"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/registry"
)

// A recorderAsker asks recorders beside the scans: one that does not answer holds nothing up.
type recorderAsker struct {
	all    []recorders.Recorder
	known  map[int]recorders.Recorder // by pid, while their processes are in the domain
	died   []recorders.Recorder       // until another recorder runs
	shown  []recorders.Recorder       // those that the screen tells of, those in the worst trouble first
	asking bool
	at     int64 // when they were asked, ns of CLOCK_MONOTONIC
}

type recordersMsg []recorders.Recorder

// Least times between two questions, ns. While nothing is recorded, the only question is whether there is a recorder now, and the names of
// all files of the domain are read for it.
const (
	askEvery    = int64(time.Second)
	searchEvery = 3 * askEvery
)

// ask asks the recorders, unless an answer is awaited or came a moment ago.
func (r *recorderAsker) ask(m *Model) tea.Cmd {
	source, every := m.opts.Recorders, askEvery
	if len(r.all) == 0 {
		every = searchEvery
	}
	if source == nil || r.asking || r.at != 0 && m.view.At-r.at < every {
		return nil
	}
	r.asking, r.at = true, m.view.At
	return func() tea.Msg { return recordersMsg(source.Ask(context.Background())) }
}

func (r *recorderAsker) take(m *Model, msg recordersMsg) {
	r.asking, r.all = false, msg
	if r.known == nil {
		r.known = make(map[int]recorders.Recorder)
	}
	for _, one := range msg {
		if _, known := r.known[one.PID]; one.PID != 0 && !known {
			r.died = nil
		}
		if one.PID != 0 {
			r.known[one.PID] = one
		}
	}
	if !m.paused {
		r.show()
	}
}

// follow finds the recorders whose processes died, in what happened since the scan before.
func (r *recorderAsker) follow(m *Model, v watch.View, news []entry) {
	for _, e := range news {
		one, known := r.known[e.PID]
		if !known || e.Kind != watch.Died {
			continue
		}
		one.Died = true
		r.died = append(r.died, one)
		m.log.Note(entry{At: v.At, Kind: watch.Died, Unit: e.Unit, PID: e.PID, Text: "the recorder died, and leaves " + unfinished(one.File)})
	}
	maps.DeleteFunc(r.known, func(pid int, _ recorders.Recorder) bool {
		return !slices.ContainsFunc(v.Participants, func(p registry.Participant) bool { return p.Alive && p.PID == pid })
	})
}

// unfinished is the name of the file of a recorder that died.
func unfinished(path string) string {
	const end = ".unfinished"
	return strings.TrimSuffix(filepath.Base(cmp.Or(path, "?")), end) + end
}

// show shows the recorders that are known now.
func (r *recorderAsker) show() { r.shown = slices.Concat(r.died, r.all) }

// roomForRecorder is the height of the screen from which recorders have a line of their own.
const roomForRecorder = 16

// recorderLines is the line about the recorder, of several that in the worst trouble; none if nothing is recorded or there is no room.
func (m *Model) recorderLines() []string {
	all := m.recorder.shown
	if len(all) == 0 || m.height < roomForRecorder {
		return nil
	}
	r := &all[0]
	level, verdict := recorderVerdict(r)
	name := filepath.Base(cmp.Or(r.File, "?"))
	if r.Died {
		name = unfinished(r.File)
	}
	lost, rest := "", fmt.Sprintf(" (pid %d)", r.PID)
	if !r.Silent && !r.Died {
		rest += "  " + bytesOr(r.Size) + "  " + bytesOr(r.Free) + " left"
		if r.Lost > 0 {
			lost = "  " + text.Count(r.Lost) + " lost"
		}
	}
	if n := len(all); n > 1 {
		rest += "  " + text.Many(n-1, "recorder") + " more"
	}
	room := m.width - text.Width(verdict) - text.Width(lost)
	name = escape(name)
	name = text.Middle(name, min(text.Width(name), max(shortestName, room-2-text.Width(rest))))
	return []string{m.styles.Paint(level, verdict) + m.styles.Paint(max(level, theme.Warning), lost) + text.Left("  "+name+rest, max(0, room))}
}

// shortestName is the room that a line leaves for the name of a file.
const shortestName = 8

// recorderVerdict says in a few words how a recorder is, with a mark if that is not well.
func recorderVerdict(r *recorders.Recorder) (theme.Level, string) {
	switch {
	case r.Died:
		return theme.Problem, "▲ recorder died"
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
