package screen

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// A driver holds a Model and what its commands asked of the program.
type driver struct {
	t *testing.T
	*Model
	asked []tea.Msg // messages that the Model does not handle itself
}

// drive makes a Model, gives it a size and n scans.
func drive(t *testing.T, s watch.Source, width, height, n int) *driver {
	t.Helper()
	return driveWith(t, s, &Options{Messages: &messages{of: imu}}, width, height, n)
}

func driveWith(t *testing.T, s watch.Source, opts *Options, width, height, n int) *driver {
	t.Helper()
	opts.Domain = "/dev/shm/shmbus-1000/default"
	opts.After = func(time.Duration, tea.Msg) tea.Cmd { return nil } // the test is the clock
	d := &driver{t: t, Model: New(s, opts)}
	d.send(tea.WindowSizeMsg{Width: width, Height: height})
	return d.scans(n)
}

func (d *driver) scans(n int) *driver {
	d.t.Helper()
	for range n {
		d.Update(d.scan()())
	}
	d.fits()
	return d
}

// polls looks n times for the newest message.
func (d *driver) polls(n int) *driver {
	d.t.Helper()
	for range n {
		if cmd := d.live.poll(d.Model, pollMsg{d.live.turn}); cmd != nil {
			d.Update(cmd())
		}
	}
	d.fits()
	return d
}

// run runs a command and everything that follows from it.
func (d *driver) run(cmd tea.Cmd) {
	d.t.Helper()
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			d.run(c)
		}
	case snapshotMsg, feedMsg, pollMsg, messageMsg, tickMsg, recordersMsg:
		d.send(msg)
	default:
		d.asked = append(d.asked, msg)
	}
}

func (d *driver) send(msgs ...tea.Msg) *driver {
	d.t.Helper()
	for _, msg := range msgs {
		_, cmd := d.Update(msg)
		d.run(cmd)
		d.fits()
	}
	return d
}

func (d *driver) press(keys ...string) *driver {
	d.t.Helper()
	for _, k := range keys {
		d.send(keyMsg(k))
	}
	return d
}

// typed presses the keys of a text.
func (d *driver) typed(s string) *driver {
	d.t.Helper()
	for _, r := range s {
		d.send(keyMsg(string(r)))
	}
	return d
}

// above is the number of lines above the page without a recorder.
const above = 2

func (d *driver) screen() string { return ansi.Strip(d.content()) }

// shows fails unless all these texts are on the screen.
func (d *driver) shows(texts ...string) *driver {
	d.t.Helper()
	for _, s := range texts {
		if !strings.Contains(d.screen(), s) {
			d.t.Errorf("%q is not on the screen:\n%s", s, d.screen())
		}
	}
	return d
}

// lacks fails if one of these texts is on the screen.
func (d *driver) lacks(texts ...string) *driver {
	d.t.Helper()
	for _, s := range texts {
		if strings.Contains(d.screen(), s) {
			d.t.Errorf("%q is on the screen:\n%s", s, d.screen())
		}
	}
	return d
}

func keyMsg(k string) tea.KeyPressMsg {
	special := map[string]tea.KeyPressMsg{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
		"left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "pgdown": {Code: tea.KeyPgDown}, "pgup": {Code: tea.KeyPgUp},
		"home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd}, "backspace": {Code: tea.KeyBackspace}, "tab": {Code: tea.KeyTab},
		"shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift}, " ": {Code: tea.KeySpace, Text: " "},
	}
	if msg, ok := special[k]; ok {
		return msg
	}
	if c, ok := strings.CutPrefix(k, "ctrl+"); ok {
		return tea.KeyPressMsg{Code: rune(c[0]), Mod: tea.ModCtrl}
	}
	r, _ := utf8.DecodeRuneInString(k)
	return tea.KeyPressMsg{Code: r, Text: k}
}

// fits checks what holds for every screen: it is no larger than the terminal and nothing in it is a command to it.
func (d *driver) fits() {
	d.t.Helper()
	if d.width == 0 {
		return
	}
	lines := strings.Split(d.content(), "\n")
	if len(lines) > d.height {
		d.t.Fatalf("%d lines on a screen of %d:\n%s", len(lines), d.height, d.content())
	}
	for _, l := range lines {
		l = ansi.Strip(l)
		if w := text.Width(l); w > d.width {
			d.t.Fatalf("a line of %d cells on a screen of %d: %q", w, d.width, l)
		}
		for _, r := range l {
			if !unicode.IsPrint(r) {
				d.t.Fatalf("%q reaches the terminal in %q", r, l)
			}
		}
	}
}
