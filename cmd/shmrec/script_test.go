package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"shmrec": main})
}

// TestScripts runs each script in a domain of its own. [data] holds where the recordings of other people's systems are.
func TestScripts(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) { // by nohup, and then by what is started too, unless this process takes note of it
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	data, err := filepath.Abs("../../../shared/data")
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(data)
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal("../shared/data, beside the checkout, holds no recordings")
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
			if err != nil {
				return err
			}
			e.Defer(func() { os.RemoveAll(dir) })
			e.Setenv("SHMBUS_DIR", dir)
			e.Setenv("DATA", data)
			e.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "data" {
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"shorten": shorten, "terminate": terminate},
	})
}

// shorten FILE N takes the last N bytes off a file.
func shorten(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shorten FILE N")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	ts.Check(os.Truncate(path, info.Size()-n))
}

// terminate TERM|HUP sends a signal that the kill command of testscript does not know to what runs in the background.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}
	if neg || len(args) != 1 || signals[args[0]] == 0 {
		ts.Fatalf("usage: terminate TERM|HUP")
	}
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(signals[args[0]]))
	}
}
