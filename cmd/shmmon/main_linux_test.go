package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if os.Getenv("SHMMON_TEST_PUBLISH") != "" {
		os.Exit(publishUntilClosed())
	}
	if os.Getenv("SHMMON_TEST_BURSTS") != "" {
		os.Exit(publishBursts())
	}
	if os.Getenv("SHMMON_TEST_FAST") != "" {
		os.Exit(publishFast())
	}
	if os.Getenv("SHMMON_TEST_LARGE") != "" {
		os.Exit(publishLarge())
	}
	if os.Getenv("SHMMON_TEST_TABLE") != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"shmmon": main, "litter": litter, "pose": pose, "lie": lie, "robot": robot, "workers": workers})
}

// litter leaves what a participant that died leaves: files without a lock.
func litter() {
	for _, name := range os.Args[2:] {
		if err := os.WriteFile(filepath.Join(os.Args[1], name), make([]byte, 4096), 0o600); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "refused": refused},
		Setup: func(e *testscript.Env) error {
			dir := domains(t)
			e.Setenv("SHMBUS_DIR", dir)
			e.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
	})
}

// domains returns a directory of domains of the test's own, on a file system that holds shared memory.
func domains(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// refused has every command that looks at a domain, or takes part in it, end with 1 and say what $WANT matches.
func refused(ts *testscript.TestScript, not bool, args []string) {
	if not || len(args) != 0 {
		ts.Fatalf("usage: refused")
	}
	want := regexp.MustCompile(ts.Getenv("WANT"))
	for _, line := range []string{"list", "list --json", "info a", "echo a", "hz a", "bw a", "ps", "pub a 1", "clean", "clean --dry-run", "policy", "graph", "graph --dot", "delay a",
		"top --once", "check", "export --once"} {
		exits(ts, false, append([]string{"1", "shmmon"}, strings.Fields(line)...))
		if said := ts.ReadFile("stderr"); !want.MatchString(said) {
			ts.Fatalf("shmmon %s says %q", line, said)
		}
		if said := ts.ReadFile("stdout"); said != "" {
			ts.Fatalf("shmmon %s prints %q", line, said)
		}
	}
}

// exits is "exits CODE PROGRAM ARGS...": exec that wants that exit code.
func exits(ts *testscript.TestScript, not bool, args []string) {
	if not || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		err = nil
	}
	ts.Check(err)
	code := 0
	if ended != nil {
		code = ended.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%v ended with %d, not %s", args[1:], code, args[0])
	}
}
