package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// The test binary is the program when this is set.
const programMark = "SHMBUS_TEST_ARM"

func TestMain(m *testing.M) {
	if _, ok := subproc.Role(os.Args[1:]); ok || os.Getenv(programMark) != "" {
		main()
	}
	os.Exit(m.Run())
}

// program returns the program in a domain of its own.
func program(t *testing.T, args ...string) (cmd *exec.Cmd, dir string, stdout, stderr *bytes.Buffer) {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left, err := filepath.Glob(filepath.Join(dir, "d", "*"))
		if err != nil || len(left) > 1 || len(left) == 1 && filepath.Base(left[0]) != "registry" {
			t.Errorf("left behind: %v, %v", left, err)
		}
		os.RemoveAll(dir)
	})
	cmd = exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), programMark+"=1", "SHMBUS_DIR="+dir, "SHMBUS_DOMAIN=d")
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, dir, stdout, stderr
}

func TestItGetsThere(t *testing.T) {
	cmd, _, stdout, stderr := program(t, "--to", "-6")
	if err := cmd.Run(); err != nil {
		t.Fatal(err, stderr)
	}
	if stdout.String() != "succeeded: the arm is at -6.0 degrees\n" || stderr.Len() != 0 {
		t.Fatalf("%q, %q", stdout, stderr)
	}
}

func TestItIsRejected(t *testing.T) {
	cmd, _, stdout, stderr := program(t, "--to", "200")
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed || stdout.Len() != 0 || !strings.Contains(stderr.String(), "at most 170 degrees") {
		t.Fatalf("%v, %q, %q", err, stdout, stderr)
	}
}

// An interrupt of the whole group, as Ctrl-C is one, cancels the goal that runs.
func TestAnInterruptCancels(t *testing.T) {
	cmd, dir, stdout, stderr := program(t, "--to", "170")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	updates, err := topic.NewSubscriber[[]byte](t.Context(), p, service.Prefix+name+"/response/*", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 4 { // the server welcomes the client and accepts the goal; the first feedback follows
		s, err := updates.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Release()
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted || stderr.Len() != 0 {
		t.Fatalf("%v, %q, %q", err, stdout, stderr)
	}
	if !strings.HasPrefix(stdout.String(), "cancelled: the arm is at ") {
		t.Fatal(stdout)
	}
}

func TestThereIsNoArm(t *testing.T) {
	cmd, _, stdout, stderr := program(t, "--connect")
	const want = "arm: no arm runs in this domain; --serve starts one, and without --connect this program has its own\n"
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitFailed || stdout.Len() != 0 || stderr.String() != want {
		t.Errorf("%v, %q, %q", err, stdout, stderr)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for args, want := range map[string]string{
		"x":                 "arm: it takes no argument, so \"x\" is one too many; --to gives the angle\n",
		"--serve --connect": "arm: --serve and --connect exclude each other: one is the arm, the other sends a goal to it\n",
	} {
		cmd, _, stdout, stderr := program(t, strings.Fields(args)...)
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitUsage || stdout.Len() != 0 || stderr.String() != want {
			t.Errorf("%s: %v, %q, %q", args, err, stdout, stderr)
		}
	}
}

func TestWrongCommandLines(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, args := range []string{"--to x", "--nonsense", "argument", "--serve --connect"} {
		if err := run(t.Context(), strings.Fields(args), io.Discard, null); !errors.Is(err, errUsage) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestBar(t *testing.T) {
	var out bytes.Buffer
	b := &bar{w: &out}
	b.show(0.5, "45")
	b.clear()
	if out.Len() != 0 {
		t.Fatalf("a pipe gets %q", &out)
	}
	b.terminal = true
	b.show(0.5, "45")
	b.show(2, "too far")
	b.clear()
	lines := strings.Split(out.String(), "\r")
	if lines[1] != "["+strings.Repeat("#", 25)+strings.Repeat(".", 25)+"]  50 % 45" || !strings.HasPrefix(lines[2], "["+strings.Repeat("#", 50)+"]") {
		t.Fatalf("%q", lines)
	}
}
