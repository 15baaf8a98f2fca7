package main

import (
	"context"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/shmbus/shmbus/topic"
)

// On a terminal one-shot commands cut names to its width. In a pipe, which the other forms are for, names are whole.
func TestCommands_LongNamesOnATerminal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	dir := domains(t)
	unit, name := strings.Repeat("u", 255), "robot/"+strings.Repeat("n", 249)
	p, err := topic.Join(&topic.Options{Dir: dir, Unit: unit})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := topic.NewPublisher[int](ctx, p, name, nil); err != nil {
		t.Fatal(err)
	}
	for line, most := range map[string]int{"graph": 80, "list --measure 0": 130, "ps": 130, "hz ** -n 1 --window 50ms": 80} {
		args := strings.Fields(line)
		screen := openTerminal(ctx, t, dir, args...)
		ended := screen.cmd.Wait()
		screen.screen.Close()
		for more := range screen.output {
			screen.shown += more
		}
		if ended != nil {
			t.Errorf("%s ends with %v: %s", line, ended, screen.shown)
		}
		for _, l := range strings.Split(strings.TrimSpace(screen.shown), "\n") {
			if n := ansi.StringWidth(strings.TrimSpace(l)); n > most {
				t.Errorf("%s prints %d cells: %s", line, n, l)
			}
		}
		if cut := "…"; !strings.Contains(screen.shown, cut) {
			t.Errorf("%s cuts no name: %s", line, screen.shown)
		}
		whole := name
		if line == "ps" {
			whole = unit
		}
		if out := shmmon(t, 0, append([]string{"--dir", dir}, args...)...); !strings.Contains(out, whole) {
			t.Errorf("%s in a pipe: %s", line, out)
		}
	}
}
