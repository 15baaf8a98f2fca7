package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// A window is a tmux server of the test's own with one window, in which a shell runs.
type window struct {
	t      *testing.T
	ctx    context.Context
	socket string
}

// openWindow starts tmux with a shell. CI installs tmux; elsewhere the test is left out without it.
func openWindow(ctx context.Context, t *testing.T, width, height string) *window {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("the screen is driven in tmux (Debian: apt-get install tmux): %v", err)
	}
	w := &window{t, ctx, filepath.Join(t.TempDir(), "tmux")}
	w.tmux("-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height, "env", "PS1=ready$ ", "LC_ALL=C.UTF-8", "bash", "--norc", "--noprofile")
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", w.socket, "kill-server").Run() }) // the server may have ended with the shell
	w.waitForPrompt()
	return w
}

func (w *window) tmux(args ...string) string {
	w.t.Helper()
	out, err := exec.CommandContext(w.ctx, "tmux", append([]string{"-u", "-S", w.socket}, args...)...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (w *window) press(keys ...string) { w.tmux(append([]string{"send-keys"}, keys...)...) }

// waitFor waits until all these texts are on the screen at once.
func (w *window) waitFor(texts ...string) {
	w.t.Helper()
	w.wait(fmt.Sprintf("%q", texts), func(shown string) bool {
		return !slices.ContainsFunc(texts, func(s string) bool { return !strings.Contains(shown, s) })
	})
}

// waitForPrompt waits until the shell reads again. A program that ends may take keys that are pressed before.
func (w *window) waitForPrompt() {
	w.t.Helper()
	w.wait("a prompt", func(shown string) bool { return strings.HasSuffix(strings.TrimSpace(shown), "ready$") })
}

func (w *window) wait(what string, there func(shown string) bool) {
	w.t.Helper()
	for {
		shown := w.tmux("capture-pane", "-p")
		if there(shown) {
			return
		}
		select {
		case <-w.ctx.Done():
			w.t.Fatalf("%s never is on the screen:\n%s", what, shown)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Keys drive the screen in a real terminal, which shows live processes, and suspending gives the terminal back.
func TestScreen_KeysInATerminal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	dir := domains(t)
	stop, _ := startPublisherProcess(t, "SHMMON_TEST_PUBLISH="+dir, len(rates))
	defer stop()
	w := openWindow(ctx, t, "100", "30")
	w.press("SHMMON_TEST_TABLE=1 "+os.Args[0]+" --dir "+dir+" --interval 200ms", "Enter")
	w.waitFor("1 Topics", "live/fast", "live/slow", "3 topics", "1 process")
	w.press("/", "steady", "Enter")
	w.waitFor("/steady 1 of 3")
	w.press("Enter", "m")
	w.waitFor("Topics › live/steady", "FIELD", "n  ") // the newest message, decoded
	w.press("Escape")
	w.waitFor("1 Topics")
	for key, text := range map[string]string{"2": "FROM", "3": "CPU", "4": "> live/fast", "5": "PLACES", "6": "nothing has happened", "8": "next view"} {
		w.press(key)
		w.waitFor(text)
	}
	w.tmux("resize-window", "-x", "40", "-y", "12")
	w.press("1")
	w.waitFor("1 Topics 2 3 4 5 6 7 8 9 0 -")
	w.tmux("resize-window", "-x", "30", "-y", "5")
	w.waitFor("too small")
	w.tmux("resize-window", "-x", "100", "-y", "30")
	w.waitFor("1 Topics", "live/steady")
	w.press("q")
	w.waitForPrompt()
	w.press("echo it ended with $?", "Enter")
	w.waitFor("it ended with 0")
}

// Not under the race detector: bubbletea v2.1.1 sets its terminal anew after a stop while its listener for sizes may read it.
func TestScreen_StopInATerminal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	w := openWindow(ctx, t, "100", "30")
	w.press("SHMMON_TEST_TABLE=1 "+os.Args[0]+" --dir "+domains(t)+" --interval 200ms", "Enter")
	w.waitFor("1 Topics", "0 topics")
	w.press("C-z")
	w.waitFor("Stopped")
	w.waitForPrompt()
	w.press("fg", "Enter")
	w.waitFor("1 Topics", "0 topics")
	w.press("q")
	w.waitForPrompt()
	w.press("echo it ended with $?", "Enter")
	w.waitFor("it ended with 0")
}

// Services, goals and parameters of live processes are in views of their own, and a goal that is cancelled shows so.
func TestScreen_ServicesInATerminal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	dir := domains(t)
	t.Setenv("SHMBUS_DIR", dir)
	ended := make(chan error, 1)
	robot, stop := context.WithCancel(ctx)
	go func() { ended <- runRobot(robot) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	w := openWindow(ctx, t, "130", "30")
	w.press("SHMMON_TEST_TABLE=1 "+os.Args[0]+" --dir "+dir+" --interval 200ms", "Enter")
	w.waitFor("robot/ready")
	w.press("9")
	w.waitFor("robot/greet", "stream", "robot/move", "main.angle")
	w.press("-")
	w.waitFor("arm/speed", "0.5", "degrees per second", "marvin")
	w.press("0")
	w.waitFor("no goals")
	operator, err := topic.Join(&topic.Options{Unit: "operator"})
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	client, err := goal.NewClient[move, angle, angle](ctx, operator, "robot/move", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	h, err := client.Start(ctx, move{180})
	if err != nil {
		t.Fatal(err)
	}
	w.waitFor("robot/move", "running", "operator")
	if err := h.Cancel(ctx); err != nil {
		t.Fatal(err)
	}
	w.waitFor("robot/move", "cancelled")
	w.press("q")
	w.waitForPrompt()
}

// With NO_COLOR nothing has a colour, and without it what is wrong has one of the sixteen. A locale without UTF-8 gets ASCII.
func TestScreen_ColoursOfATerminal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	dir := domains(t)
	stop, _ := startPublisherProcess(t, "SHMMON_TEST_PUBLISH="+dir, len(rates))
	defer stop()
	w := openWindow(ctx, t, "80", "24")
	color := regexp.MustCompile(`\x1b\[([0-9;]*;)?(3[0-7]|9[0-7]|38[;:].*)m`)
	for _, c := range []struct {
		env     string
		colored bool
		ascii   bool
	}{{"NO_COLOR=1", false, false}, {"", true, false}, {"LC_ALL=C", true, true}} {
		w.press("clear; "+c.env+" SHMMON_TEST_TABLE=1 "+os.Args[0]+" --dir "+dir+" --interval 200ms", "Enter")
		w.waitFor("1 Topics", "live/slow", "all is well")
		shown := w.tmux("capture-pane", "-p", "-e")
		if got := color.MatchString(shown); got != c.colored {
			t.Errorf("%q: colours %v:\n%q", c.env, got, shown)
		}
		if got := !strings.ContainsFunc(shown, func(r rune) bool { return r >= 0x80 }); got != c.ascii {
			t.Errorf("%q: ASCII %v:\n%s", c.env, got, shown)
		}
		w.press("q")
		w.waitForPrompt()
	}
}
