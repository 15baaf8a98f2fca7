package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/topic"
)

const (
	largeProcesses = 200
	largeTopics    = 5 // of each process
)

func largeTopic(process, n int) string { return fmt.Sprintf("large/%03d/%d", process, n) }

// publishLarge is the test binary as one of many processes: it publishes on topics of its own twice a second, and subscribes to one of
// another process, until its standard input ends. It takes nothing unless SHMMON_TEST_LARGE_TAKES is set.
func publishLarge() int {
	var me int
	if _, err := fmt.Sscan(os.Getenv("SHMMON_TEST_LARGE"), &me); err != nil {
		return 1
	}
	ctx := context.Background()
	p, err := topic.Join(&topic.Options{Unit: fmt.Sprintf("large-%03d", me)})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer p.Close()
	var pubs []*topic.Publisher[int]
	for n := range largeTopics {
		pub, err := topic.NewPublisher[int](ctx, p, largeTopic(me, n), nil)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		pubs = append(pubs, pub)
	}
	sub, err := topic.NewSubscriber[int](ctx, p, largeTopic((me+1)%largeProcesses, 0), nil)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if os.Getenv("SHMMON_TEST_LARGE_TAKES") != "" {
		go func() {
			for {
				s, err := sub.Receive(ctx)
				if err != nil {
					return
				}
				s.Release()
			}
		}()
	}
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	fmt.Println("ready")
	for tick := time.Tick(500 * time.Millisecond); ; {
		for _, pub := range pubs {
			if _, err := pub.Publish(ctx, me); err != nil {
				fmt.Println(err)
				return 1
			}
		}
		select {
		case <-closed:
			return 0
		case <-tick:
		}
	}
}

// startLarge starts the processes, with more in their environment, and waits until all are there.
func startLarge(t testing.TB, dir string, more ...string) {
	t.Helper()
	var outs []io.Reader
	for i := range largeProcesses {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("SHMMON_TEST_LARGE=%d", i), "SHMBUS_DIR="+dir, "GOMAXPROCS=1")
		cmd.Env = append(cmd.Env, more...)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		outs = append(outs, out)
		t.Cleanup(func() {
			in.Close()
			_ = cmd.Wait()
		})
	}
	for i, out := range outs {
		var ready string
		if _, err := fmt.Fscan(out, &ready); err != nil || ready != "ready" {
			t.Fatalf("process %d says %q: %v", i, ready, err)
		}
	}
}

// All commands that list show all of a thousand topics and two hundred processes.
func TestCommands_ThousandTopicsTwoHundredProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts 200 processes")
	}
	dir := domains(t)
	startLarge(t, dir)
	const topics = largeProcesses * largeTopics
	lines := func(want int, args ...string) string {
		t.Helper()
		out := shmmon(t, 0, append([]string{"--dir", dir}, args...)...)
		if got := strings.Count(out, "\n"); got != want {
			t.Errorf("%v prints %d lines, want %d", args, got, want)
		}
		return out
	}
	lines(topics, "list", "--field", "topic")
	lines(topics+1, "list", "--csv", "--decode", "--measure", "0")
	lines(largeProcesses, "ps", "--field", "unit")
	lines(topics, "graph", "--field", "topic")
	lines(22, "top", "--once")
	lines(largeProcesses*largeTopics, "hz", "large/**", "-n", "1")
	lines(largeProcesses, "delay", "large/*/0", "-n", "1")
	rules := filepath.Join(t.TempDir(), "rules.toml")
	if err := os.WriteFile(rules, []byte("[[topic]]\nname = \"large/**\"\nrequired = true\nmax_age = \"1m\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := lines(1, "check", "--rules", rules, "--measure", "0"); !strings.HasPrefix(out, "all is well: 200 processes, 1000 topics ") {
		t.Error(out)
	}
	metrics := shmmon(t, 0, "--dir", dir, "export", "--once")
	if n := strings.Count(metrics, "\nshmbus_topic_messages_total{"); n != topics || series(t, metrics, "shmbus_dropped_series") != 0 {
		t.Errorf("%d topics are exported", n)
	}
	var list struct {
		Topics []struct {
			Topic                   string
			Publishers, Subscribers int
			Messages                int
			Rate                    float64
		}
	}
	if err := json.Unmarshal([]byte(shmmon(t, 0, "--dir", dir, "list", "--json", "--measure", "3s")), &list); err != nil {
		t.Fatal(err)
	}
	for _, l := range list.Topics {
		subscribers := 0
		if strings.HasSuffix(l.Topic, "/0") {
			subscribers = 1
		}
		if l.Publishers != 1 || l.Subscribers != subscribers || l.Rate < 0 || l.Rate > 4 || l.Messages == 0 {
			t.Errorf("%+v", l)
		}
	}
	if out := shmmon(t, 0, "--dir", dir, "log", "--duration", "200ms"); strings.Contains(out, "joined") {
		t.Errorf("what was there is news: %.200s", out)
	}
}
