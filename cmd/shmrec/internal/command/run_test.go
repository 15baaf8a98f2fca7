package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/mcapfile"
)

// run executes a command line in a domain of its own.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Run(t.Context(), append(args, "--dir", domains(t)), &out, &errs)
	return code, out.String(), errs.String()
}

func domains(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// file writes a recording with one message on a topic.
func file(t *testing.T, topic string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.mcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := mcapfile.NewWriter(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	ch, err := w.AddChannel(mcapfile.Channel{Topic: topic, Encoding: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&mcapfile.Message{Channel: ch, Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExitCodes(t *testing.T) {
	whole, torn := file(t, "a"), file(t, "a")
	info, err := os.Stat(torn)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(torn, info.Size()-1); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
	}{
		{"--help", 0},
		{"play --help", 0},
		{"info " + whole, 0},
		{"info --json " + whole, 0},
		{"play " + whole, 0},
		{"record --duration 1ms -o " + filepath.Join(t.TempDir(), "new.mcap"), 0},
		{"info missing.mcap", 1},
		{"play missing.mcap", 1},
		{"record --duration 1ms -o " + whole, 1},
		{"play --wait-subscribers 1 --wait-timeout 1ms " + whole, 1},
		{"", 2},
		{"rewind", 2},
		{"info", 2},
		{"info a b", 2},
		{"record", 2},
		{"record -o x --exclude (", 2},
		{"record -o x --duration soon", 2},
		{"play --rate -1 " + whole, 2},
		{"play --topics ( " + whole, 2},
		{"play --exclude ( " + whole, 2},
		{"play --latched ( " + whole, 2},
		{"play --max-gap -1s " + whole, 2},
		{"play --rename a " + whole, 2},
		{"play --rename a=b/ " + whole, 2},
		{"play --rename a=b --rename a=c " + whole, 2},
		{"play --rename c=b " + whole, 1},
		{"play --rename a=b " + whole, 0},
		{"info " + torn, 3},
		{"play " + torn, 3},
	} {
		code, stdout, stderr := run(t, strings.Fields(c.args)...)
		if code != c.code {
			t.Errorf("%q: exit code %d, want %d; %s", c.args, code, c.code, stderr)
		}
		if note, rest, ok := strings.Cut(stderr, "\n"); ok && strings.HasPrefix(c.args, "record ") && strings.Contains(note, "did not exist before") {
			stderr = rest
		}
		if (code == 0) != (stderr == "") {
			t.Errorf("%q: exit code %d and on stderr %q", c.args, code, stderr)
		}
		if (code == 1 || code == 2) && stdout != "" {
			t.Errorf("%q: on stdout %q", c.args, stdout)
		}
	}
}

func TestATerminalGetsNothingThatAFileSaysButText(t *testing.T) {
	path := file(t, "a\x1b[31m\xff\nred\u202e\u3164")
	code, stdout, _ := run(t, "info", path)
	if code != 0 || !clean(stdout) || !strings.Contains(stdout, `a\x1b[31m\xff\nred\u202e\u3164`) {
		t.Errorf("%d, %q", code, stdout)
	}
	code, stdout, _ = run(t, "info", path, "--json")
	if code != 0 || !clean(stdout) || !strings.Contains(stdout, `red\u202e\u3164`) {
		t.Errorf("%d, %q", code, stdout)
	}
	code, stdout, stderr := run(t, "play", path)
	if code != 0 || !clean(stdout) || !clean(stderr) || !strings.Contains(stderr, "valid UTF-8") {
		t.Errorf("%d, %q, %q", code, stdout, stderr)
	}
}

func clean(s string) bool { return utf8.ValidString(s) && !strings.ContainsAny(s, "\x1b\u202e\u3164") }

func TestJSONIsJSON(t *testing.T) {
	path := file(t, "a")
	var info record.Info
	if _, stdout, _ := run(t, "info", "--json", path); json.Unmarshal([]byte(stdout), &info) != nil || info.Messages != 1 {
		t.Errorf("%q", stdout)
	}
	var s record.Summary
	if _, stdout, _ := run(t, "play", "--json", path); json.Unmarshal([]byte(stdout), &s) != nil || s.Messages != 1 {
		t.Errorf("%q", stdout)
	}
}

func TestRecordLine_VerdictAndLossAreNotCutOff(t *testing.T) {
	line := recordLine(&record.Status{
		State: record.Recording, Elapsed: time.Hour, Verdict: record.FallingBehind, Lost: 1_000_000, Dropped: 5, Messages: 1e9, Part: 100,
		InBytes: 50e6, WrittenBytes: 34e6, Queue: 1, QueueLimit: 2, HeldTime: time.Second, DiskFree: 1e9,
	})
	if seen := line[:min(len(line), 79)]; !strings.Contains(seen, "falling behind, 1000000 LOST (5 by the recorder)") {
		t.Errorf("of %q a terminal shows %q", line, seen)
	}
}
