package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
)

// recordLine is the line on the terminal while a recorder runs. What matters most comes first, because a terminal cuts the rest off.
func recordLine(s *record.Status) string {
	line := fmt.Sprintf("%s %s: %s", s.State, s.Elapsed.Round(time.Second), s.Verdict)
	if s.Lost > 0 {
		line += fmt.Sprintf(", %d LOST", s.Lost)
		if s.Dropped > 0 {
			line += fmt.Sprintf(" (%d by the recorder)", s.Dropped)
		}
	}
	line += fmt.Sprintf(", %d messages, in %s/s, written %s/s", s.Messages,
		text.Bytes(uint64(max(s.InBytes, 0))), text.Bytes(uint64(max(s.WrittenBytes, 0))))
	if s.QueueLimit > 0 {
		line += fmt.Sprintf(", cache %d %%", 100*s.Queue/s.QueueLimit)
	}
	if s.HeldTime > 0 {
		line += fmt.Sprintf(", memory for only %v before a trigger: raise --before-size", s.HeldTime.Round(100*time.Millisecond))
	}
	if s.Part > 1 {
		line += fmt.Sprintf(", part %d", s.Part)
	}
	return line + fmt.Sprintf(", %s free", text.Bytes(uint64(max(s.DiskFree, 0))))
}

// printStatus prints the state as a line.
func (a *app) printStatus(s record.Status) {
	if !a.JSON {
		fmt.Fprintln(a.Stderr, recordLine(&s))
		return
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(&s) == nil {
		a.Stdout.Write(text.EscapeJSON(b.Bytes()))
	}
}
