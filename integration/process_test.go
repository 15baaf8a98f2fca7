//go:build linux

package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/topic"
)

// A role is what a child process does. It reports by printing lines, and ends when its standard input closes or it is
// killed.
type role func(args []string) error

const roleVariable = "SHMBUS_INTEGRATION_ROLE"

func TestMain(m *testing.M) {
	name := os.Getenv(roleVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	runtime.MemProfileRate = 0 // what it remembers would count as growth
	if err := roles()[name](os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// child is a process of this test binary in some role.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	dir   string // the domain is below
	in    io.WriteCloser
	lines *bufio.Scanner
	err   strings.Builder
	over  bool
}

// start runs a role in the domain below dir.
func start(t testing.TB, dir, role string, args ...string) *child {
	t.Helper()
	return begin(t, dir, nil, role, args...)
}

// begin is start with what the kernel is to do for the process.
func begin(t testing.TB, dir string, attr *syscall.SysProcAttr, role string, args ...string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.SysProcAttr = attr
	return launch(t, cmd, dir, role)
}

// launch is start for a command that runs this test binary, or one like it, in its own way.
func launch(t testing.TB, cmd *exec.Cmd, dir, role string) *child {
	t.Helper()
	c := &child{t: t, cmd: cmd, dir: dir}
	c.cmd.Env = append(os.Environ(), roleVariable+"="+role, "SHMBUS_DIR="+dir, "SHMBUS_DOMAIN=d")
	c.cmd.Stderr = &c.err
	// The kernel kills the child when the test ends.
	if c.cmd.SysProcAttr == nil {
		c.cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	c.cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	t.Cleanup(c.kill)
	return c
}

// expect reads one line, a JSON value, into v.
func (c *child) expect(v any) {
	c.t.Helper()
	if !c.lines.Scan() {
		c.cmd.Wait()
		c.over = true
		c.t.Fatalf("the child ended (%v) instead of reporting: %s", c.cmd.ProcessState, c.err.String())
	}
	if err := json.Unmarshal(c.lines.Bytes(), v); err != nil {
		c.t.Fatalf("the child said %q: %v", c.lines.Text(), err)
	}
}

// ready waits for the child's first report.
func (c *child) ready() *child {
	c.t.Helper()
	var word string
	c.expect(&word)
	if word != "ready" {
		c.t.Fatalf("the child said %q", word)
	}
	return c
}

// finish asks the child to end and waits for it.
func (c *child) finish() {
	c.t.Helper()
	c.in.Close()
	for c.lines.Scan() {
	}
	c.over = true
	if err := c.cmd.Wait(); err != nil {
		c.t.Fatalf("the child ended with %v: %s", err, c.err.String())
	}
}

// kill ends the child with SIGKILL and reaps it.
func (c *child) kill() {
	if c.over {
		return
	}
	c.over = true
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// report prints a JSON line for the parent.
func report(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// stdinClosed returns a channel that is closed when the parent asks the child to end.
func stdinClosed() <-chan struct{} {
	asked := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(asked)
	}()
	return asked
}

// readNumbers returns a channel of the numbers that the parent sends, closed when it asks the child to end, and that event.
func readNumbers() (told <-chan uint64, asked <-chan struct{}) {
	numbers, end := make(chan uint64, 1), make(chan struct{})
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				numbers <- n
			}
		}
		close(numbers)
		close(end)
	}()
	return numbers, end
}

// sendNumber sends a number to a child that listens to orders.
func (c *child) sendNumber(n uint64) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, n); err != nil {
		c.cmd.Wait()
		c.over = true
		c.t.Fatalf("the child ended (%v) instead of listening: %s", c.cmd.ProcessState, c.err.String())
	}
}

// newDomain makes a place for a test's domain and checks at the end that nothing but the registry file is left in it.
func newDomain(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		checkEmpty(t, dir)
		os.RemoveAll(dir)
	})
	return dir
}

// checkEmpty joins the domain once more, as the next program would, and looks at what is left after that has gone.
func checkEmpty(t testing.TB, dir string) {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
	if err != nil {
		t.Error(err)
		return
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	files, err := os.ReadDir(filepath.Join(dir, "d"))
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		if f.Name() != "registry" {
			t.Errorf("left in the domain: %s", f.Name())
		}
	}
}
