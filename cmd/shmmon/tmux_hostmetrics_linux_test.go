package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The screen shows the live figures of this machine, and in its log what happens while it is open: a subscription that comes and goes, and
// a process that is killed.
func TestScreen_HostmetricsInATerminal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	dir := domains(t)
	program := filepath.Join(t.TempDir(), "hostmetrics")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "../../samples/hostmetrics").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w := openWindow(ctx, t, "130", "30")
	host := exec.CommandContext(ctx, program, "--dir", dir, "--report", "none")
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	w.press("SHMMON_TEST_TABLE=1 "+os.Args[0]+" --dir "+dir+" --interval 200ms", "Enter")
	w.waitFor("1 Topics", "1 process", "host/memory", "metrics.Memory", "host/uptime", "1.00")
	w.press("6")
	w.waitFor("WHAT", "TEXT")
	echo := exec.CommandContext(ctx, os.Args[0], "--dir", dir, "echo", "host/memory", "-n", "0")
	echo.Env = append(os.Environ(), "SHMMON_TEST_TABLE=1")
	if err := echo.Start(); err != nil {
		t.Fatal(err)
	}
	w.waitForLine("joined", "shmmon", fmt.Sprint(echo.Process.Pid))
	if err := echo.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := echo.Wait(); err != nil {
		t.Error(err)
	}
	w.waitForLine("ended", "shmmon", fmt.Sprint(echo.Process.Pid))

	w.press("1", "/", "memory$", "Enter")
	w.waitForLine("/memory$", " of ")
	w.press("Home", "Enter", "m")
	w.waitFor("Topics › host/memory", "FIELD")
	w.press("Escape")
	w.waitForLine("/memory$", " of ")

	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait() // it was killed
	w.press("6")
	w.waitForLine("hostmetrics", fmt.Sprint(host.Process.Pid))
	w.press("q")
	w.waitForPrompt()
}

// waitForLine waits until all these texts are in one line of the screen.
func (w *window) waitForLine(texts ...string) {
	w.t.Helper()
	w.wait(fmt.Sprintf("a line of %q", texts), func(shown string) bool {
		return slices.ContainsFunc(strings.Split(shown, "\n"), func(line string) bool {
			return !slices.ContainsFunc(texts, func(s string) bool { return !strings.Contains(line, s) })
		})
	})
}
