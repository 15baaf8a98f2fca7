package command

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe that nobody writes to would keep a command for ever.
func TestReadingAFileCanBeInterrupted(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.mcap")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, command := range []string{"info", "play"} {
		var stdout, stderr bytes.Buffer
		code := Run(ctx, []string{command, pipe, "--dir", domains(t)}, &stdout, &stderr)
		if code != 1 || stdout.Len() > 0 || !strings.Contains(stderr.String(), "interrupted") {
			t.Errorf("%s ends with %d, %q and on stdout %q", command, code, stderr.String(), stdout.String())
		}
	}
}
