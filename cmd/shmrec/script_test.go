package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/shmbus/shmbus/topic"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"shmrec": main, "serve": serve, "ask": ask})
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
			switch name {
			case "data":
				return err == nil, nil
			case "userns":
				return exec.Command("unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt").Run() == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"shorten": shorten, "terminate": terminate, "publish": publish, "await": await, "await-state": awaitState, "await-stdout": awaitStdout,
		},
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

// publish TOPIC SIZE COUNT INTERVAL waits for a subscription and publishes messages. A topic that begins with "latched" is latched.
func publish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: publish TOPIC SIZE COUNT INTERVAL")
	}
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	count, err := strconv.Atoi(args[2])
	ts.Check(err)
	interval, err := time.ParseDuration(args[3])
	ts.Check(err)
	p, err := topic.Join(&topic.Options{Dir: ts.Getenv("SHMBUS_DIR"), Domain: cmp.Or(ts.Getenv("SHMBUS_DOMAIN"), "default")}) // not that of the shell
	ts.Check(err)
	defer p.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pub, err := topic.NewPublisher(ctx, p, args[0], &topic.PublisherOptions[[]byte]{Depth: 64, Latched: strings.HasPrefix(args[0], "latched")})
	ts.Check(err)
	ts.Check(pub.WaitSubscribers(ctx, 1))
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i * i >> 7)
	}
	for range count {
		_, err := pub.Publish(ctx, payload)
		ts.Check(err)
		time.Sleep(interval)
	}
}

// awaitState STATE waits until the only recorder of the domain has a state.
func awaitState(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await-state STATE")
	}
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := ts.Exec("shmrec", "ctl", "status", "--json")
		if said := ts.ReadFile("stdout"); err == nil && strings.Contains(said, strconv.Quote(args[0])) {
			return
		} else if time.Since(begin) > time.Minute {
			ts.Fatalf("the recorder is not %s: %s, %v", args[0], said, err)
		}
	}
}

// awaitStdout EXPRESSION PROGRAM [ARGUMENTS...] runs a program, whether it fails or not, until its standard output matches.
func awaitStdout(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await-stdout EXPRESSION PROGRAM [ARGUMENTS...]")
	}
	wanted, err := regexp.Compile(args[0])
	ts.Check(err)
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		if said := ts.ReadFile("stdout"); wanted.MatchString(said) {
			return
		} else if time.Since(begin) > time.Minute {
			ts.Fatalf("%s never says %q: %s, %v", args[1], args[0], said, err)
		}
	}
}

// await PATTERN N waits until so many files match.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await PATTERN N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		files, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		if len(files) == n {
			return
		}
		if time.Since(begin) > time.Minute {
			ts.Fatalf("%d files match %s: %v", len(files), args[0], files)
		}
	}
}
