package subproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// echoVariable is in the environment of the children of these tests.
const echoVariable = "SHMBUS_SUBPROC_ECHO"

// heirVariable makes a child leave another process with its standard error, and end without a failure.
const heirVariable = "SHMBUS_SUBPROC_HEIR"

// emulatorVariable names the program that runs this test binary when it was built for another CPU.
const emulatorVariable = "SHMBUS_TEST_EMULATOR"

func TestMain(m *testing.M) {
	role, child := Role(os.Args[1:])
	if !child {
		os.Exit(m.Run())
	}
	fmt.Fprintln(os.Stderr, "this is the", role, strings.Repeat("x", 100))
	if role == "heir" {
		time.Sleep(2 * killDelay)
		return
	}
	err := Serve(context.Background(), Input(), os.Stdout, func(ctx context.Context, p *Parent) error {
		var w words
		if err := errors.Join(p.Request(&w), p.Reply(words{w.Text + os.Getenv(echoVariable)}), p.Reply(words{"unread"})); err != nil {
			return err
		}
		<-ctx.Done()
		if os.Getenv(heirVariable) == "" {
			return io.ErrUnexpectedEOF
		}
		self, err := os.Executable()
		if err != nil {
			return err
		}
		heir := exec.Command(emulated(self)[0], append(emulated(self)[1:], Command, "heir")...)
		heir.Stderr = os.Stderr
		return heir.Start()
	})
	if err != nil {
		os.Exit(7)
	}
}

// emulated is the command line that runs a program.
func emulated(program string) []string {
	return append(strings.Fields(os.Getenv(emulatorVariable)), program)
}

func startEcho(t *testing.T, g *Group, env ...string) *Child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := g.Command(emulated(self)...)
	cmd.Env = append(append(os.Environ(), echoVariable+"=echo"), env...)
	c, err := g.StartCommand(cmd, "echo", words{"an "})
	if err != nil {
		t.Fatal(err)
	}
	var w words
	if err := c.Next(&w); err != nil || w.Text != "an echo" {
		t.Fatalf("%q, %v", w.Text, err)
	}
	return c
}

func TestChild_FailureAfterUnreadReply(t *testing.T) {
	g := New(t.Context(), &Options{ErrorText: 20})
	defer g.StopAll()
	c := startEcho(t, g)
	c.Stop()
	if state := c.Wait(); state.ExitCode() != 7 {
		t.Errorf("it ended with %v", state)
	}
	if text := c.ErrorText(); text != "this is the echo xxx" {
		t.Errorf("its standard error is %q", text)
	}
	if err := c.Finish(); err == nil || !strings.Contains(err.Error(), "the echo failed") {
		t.Errorf("its failure is %v", err)
	}
}

func TestChild_KilledIsNoFailure(t *testing.T) {
	g := New(t.Context(), nil)
	defer g.StopAll()
	c := startEcho(t, g)
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	if state := c.Wait(); state.Success() {
		t.Errorf("it ended with %v", state)
	}
	if err := g.Err(); err != nil {
		t.Error(err)
	}
	if err := c.Signal(os.Kill); err == nil {
		t.Error("a process that has ended got a signal")
	}
}

// A process that has ended well has not failed because the end of its standard error is late.
func TestChild_EndOfStandardErrorIsLate(t *testing.T) {
	g := New(t.Context(), nil)
	defer g.StopAll()
	c := startEcho(t, g, heirVariable+"=1")
	if err := c.Finish(); err != nil {
		t.Error(err)
	}
	if state := c.Wait(); !state.Success() {
		t.Errorf("it ended with %v", state)
	}
}
