package proc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRun_ReturnsOutput(t *testing.T) {
	out, err := Run(t.Context(), "", []string{"GREETING=hello"}, "/bin/sh", "-c", `echo "$GREETING"; echo noise >&2`)
	if err != nil || string(out) != "hello\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestRun_ErrorHasOutput(t *testing.T) {
	_, err := Run(t.Context(), "", nil, "/bin/sh", "-c", "echo one >&2; echo no such thing >&2; exit 3")
	if err == nil || !strings.Contains(err.Error(), "no such thing") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}

func TestRun_Timeout(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Run(ctx, "", nil, "/bin/sh", "-c", "sleep 60")
	if err == nil || !strings.Contains(err.Error(), "in time") {
		t.Errorf("got %v", err)
	}
}

func TestProcess_NoDescendantsStay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	for name, script := range map[string]string{
		"by a program that ends":       "sleep 60 >/dev/null 2>&1 & echo $! > " + file,
		"by a program that is stopped": "sleep 60 >/dev/null 2>&1 & echo $! > " + file + ".new; mv " + file + ".new " + file + "; wait",
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Start(t.Context(), "", nil, "/bin/sh", "-c", script)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(script, "wait") {
				if err := p.WaitUntil(t.Context(), func() bool { _, err := os.Stat(file); return err == nil }); err != nil {
					t.Fatal(err)
				}
				p.Stop()
			} else if _, err := p.Wait(); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			for alive(t, pid) {
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// alive reports whether a process runs. A zombie does not.
func alive(t *testing.T, pid int) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, ok := strings.Cut(string(stat), ") ")
	if !ok {
		t.Fatalf("unexpected %q", stat)
	}
	return !strings.HasPrefix(rest, "Z")
}

func TestWaitUntil_EndOfTheProgram(t *testing.T) {
	p, err := Start(t.Context(), "", nil, "/bin/sh", "-c", "echo taken >&2; exit 1")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.WaitUntil(t.Context(), func() bool { return false }); err == nil || !strings.Contains(err.Error(), "taken") {
		t.Errorf("got %v", err)
	}
}
