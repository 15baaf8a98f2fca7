package command

import (
	"bytes"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Opening a pipe without a writer would block a command forever.
func TestAPipeIsNoRecording(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.mcap")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"info", "play", "cat"} {
		var stdout, stderr bytes.Buffer
		code := Run(t.Context(), []string{command, pipe, "--dir", domains(t)}, &stdout, &stderr)
		if code != 1 || stdout.Len() > 0 || !strings.Contains(stderr.String(), "not a regular file") {
			t.Errorf("%s ends with %d, %q and on stdout %q", command, code, stderr.String(), stdout.String())
		}
	}
}
