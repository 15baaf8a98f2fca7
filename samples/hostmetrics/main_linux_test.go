package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/samples/hostmetrics/metrics"
)

// The test binary is the program when this is set.
const programMark = "SHMBUS_TEST_HOSTMETRICS"

func TestMain(m *testing.M) {
	if os.Getenv(programMark) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func tmpfs(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestASignalEndsItWithAReport(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			dir := tmpfs(t)
			cmd := exec.Command(os.Args[0], "--dir", dir, "--domain", "d", "--report", "json")
			cmd.Env = append(os.Environ(), programMark+"=1")
			var stdout bytes.Buffer
			cmd.Stdout = &stdout
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			hello := make([]byte, len("publishing"))
			if _, err := io.ReadFull(stderr, hello); err != nil || string(hello) != "publishing" {
				t.Errorf("it begins with %q, %v", hello, err)
			}
			cmd.Process.Signal(signal)
			io.Copy(io.Discard, stderr)
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			var r metrics.Report
			if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || len(r.Topics) == 0 {
				t.Errorf("the report is %s, %v", stdout.Bytes(), err)
			}
			left, err := filepath.Glob(filepath.Join(dir, "d", "*"))
			if err != nil || len(left) > 1 || len(left) == 1 && filepath.Base(left[0]) != "registry" {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestListPublishesNothing(t *testing.T) {
	var out strings.Builder
	dir := tmpfs(t)
	err := run(t.Context(), []string{"--list", "--dir", dir, "--root", "proc/testdata/vehicle", "--rate", "2"}, &out, io.Discard)
	if err != nil || !strings.Contains(out.String(), "host/net/can0") || !strings.Contains(out.String(), "400.00") {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Fatalf("%v, %v", entries, err)
	}
}

func TestWrongCommandLines(t *testing.T) {
	for _, args := range []string{"--rate 0", "--rate x", "--report xml", "--nonsense", "argument"} {
		var complaint strings.Builder
		if err := run(t.Context(), strings.Fields(args), io.Discard, &complaint); !errors.Is(err, errUsage) || complaint.Len() == 0 {
			t.Errorf("%s: %v, %q", args, err, complaint.String())
		}
	}
}
