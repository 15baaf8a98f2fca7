package screen

import (
	"slices"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// pause stops the screen, or lets it go on. Scans go on, so that rates, alerts and the log are right when it moves again.
func (m *Model) pause() {
	m.paused = !m.paused
	m.noted = 0
	for _, some := range [][]entry{m.log.Entries, m.log.Records} {
		if n := len(some); n > 0 {
			m.noted = max(m.noted, some[n-1].Number)
		}
	}
}

// logged returns the entries of the log, while the screen is paused those of before.
func (m *Model) logged() []entry {
	all := slices.Concat(m.log.Entries, m.log.Records)
	if m.paused {
		all = slices.DeleteFunc(all, func(e entry) bool { return e.Number > m.noted })
	}
	return all
}

// fill takes from a scan what a page that was opened while the screen is paused needs and what was not read before. What is shown stays,
// and links are left out: beside the older counters of their publishers they would have wrong lags. The subscriptions' own figures stand in.
func (m *Model) fill(l snapshotMsg) {
	news := l.want &^ m.inspected
	if news&watch.WantProcesses != 0 {
		m.inspection.Processes = l.inspection.Processes
	}
	if news&watch.WantMemory != 0 {
		m.inspection.Segments, m.inspection.Files = l.inspection.Segments, l.inspection.Files
	}
	read := l.read &^ m.read
	if read&services.WantServices != 0 {
		m.services = l.reading.Services(m.whole, "**")
	}
	if read&services.WantGoals != 0 {
		m.goals = l.reading.Goals
	}
	if read&services.WantParameters != 0 {
		m.parameters = l.reading.Parameters
	}
	if news == 0 && read == 0 {
		return
	}
	if m.inspected |= news; read != 0 {
		m.read, m.readErr = m.read|read, l.readErr
	}
	m.refresh()
}
