package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/command"
	"github.com/shmbus/shmbus/topic"
)

// rates are what the publishing process publishes, in messages per second.
var rates = map[string]float64{"live/fast": 500, "live/steady": 20, "live/slow": 2}

// lasting is how many messages the rings of all others than live/fast hold: of a topic of 20 Hz those of nearly a minute, so that
// a reader that stops for a moment loses none.
const lasting = 1024

const long = time.Minute // for what must happen; no passing test comes near it

// publishUntilClosed is the test binary as another process: it publishes until its standard input ends, and then says when
// it published what.
func publishUntilClosed() int {
	p, err := topic.Join(&topic.Options{Dir: os.Getenv("SHMMON_TEST_PUBLISH"), Unit: "live"})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer p.Close()
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	done := make(chan published)
	for name, hz := range rates {
		opts := &topic.PublisherOptions[map[string]int]{Depth: lasting}
		if name == "live/fast" {
			opts = nil
		}
		pub, err := topic.NewPublisher(ctx, p, name, opts)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		go func() {
			defer pub.Close()
			tick := time.NewTicker(time.Duration(float64(time.Second) / hz))
			defer tick.Stop()
			p := published{Topic: name}
			for {
				select {
				case <-ctx.Done():
					done <- p
					return
				case <-tick.C:
				}
				if _, err := pub.Publish(context.Background(), map[string]int{"n": len(p.At) + 1}); err != nil {
					panic(err)
				}
				p.At = append(p.At, int64(pub.Stats().LastStamp))
			}
		}()
	}
	fmt.Println("ready")
	report := json.NewEncoder(os.Stdout)
	for range rates {
		if err := report.Encode(<-done); err != nil {
			return 1
		}
	}
	return 0
}

// published is when the messages of a topic were published: their stamps.
type published struct {
	Topic string
	At    []int64
}

// had reports whether a window of two seconds or more, which ends with message n, counted from 1, or before the next one, had that
// rate. Nothing is said of what the rate should have been: a machine that stands still for a moment publishes less, and that is
// what is measured.
func (p published) had(rate float64, n int) bool {
	const rounded = 1e-5 // rates are shown with six digits
	earliest := p.At[n-1]
	latest := earliest
	if n < len(p.At) {
		latest = p.At[n]
	}
	for messages := 1; messages <= n; messages++ {
		length := float64(messages) / rate * 1e9
		if length < 2e9*(1-rounded) {
			continue
		}
		// The window begins after the message before its first one, and before that.
		begin := float64(latest) - length*(1-rounded)
		if n > messages && begin < float64(p.At[n-messages-1]) {
			continue
		}
		if float64(earliest)-length*(1+rounded) < float64(p.At[n-messages]) {
			return true
		}
	}
	return false
}

// startPublisher starts the publishing process and returns a function that ends it and returns what it published.
func startPublisher(t *testing.T, dir string) (stop func() map[string]published) {
	t.Helper()
	stop, _ = startPublisherProcess(t, "SHMMON_TEST_PUBLISH="+dir, len(rates))
	return stop
}

// startPublisherProcess starts the process that the variable chooses, which reports of so many topics at its end.
func startPublisherProcess(t *testing.T, variable string, topics int) (stop func() map[string]published, pid int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), variable)
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
	var ready string
	if _, err := fmt.Fscan(out, &ready); err != nil || ready != "ready" {
		t.Fatalf("the publisher says %q: %v", ready, err)
	}
	return func() map[string]published {
		in.Close()
		truth := make(map[string]published)
		report := json.NewDecoder(out)
		for range topics {
			var p published
			if err := report.Decode(&p); err != nil {
				t.Fatal(err)
			}
			truth[p.Topic] = p
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		return truth
	}, cmd.Process.Pid
}

// shmmon runs a command line and returns what it printed.
func shmmon(t *testing.T, want int, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var stdout, stderr bytes.Buffer
	if got := command.Run(ctx, args, &stdout, &stderr); got != want {
		t.Fatalf("shmmon %v ended with %d, not %d: %s", args, got, want, stderr.String())
	}
	return stdout.String()
}

func TestCommandsBesideAPublishingProcess(t *testing.T) {
	dir := domains(t)
	stop := startPublisher(t, dir)
	at := []string{"--dir", dir}

	var list struct {
		Topics []struct {
			Topic, Type, Encoding, State string
			Publishers, Subscribers      int
			Rate                         float64
			Measured                     bool
			Messages                     int
		}
	}
	if err := json.Unmarshal([]byte(shmmon(t, 0, append(at, "list", "--json", "--measure", "2s")...)), &list); err != nil {
		t.Fatal(err)
	}

	var info struct {
		Topic         string
		PublisherList []struct {
			Unit string
			PID  int
		} `json:"publisher_list"`
	}
	if err := json.Unmarshal([]byte(shmmon(t, 0, append(at, "info", "live/steady", "--json", "--measure", "0")...)), &info); err != nil {
		t.Fatal(err)
	}
	if info.Topic != "live/steady" || len(info.PublisherList) != 1 || info.PublisherList[0].Unit != "live" || info.PublisherList[0].PID == os.Getpid() {
		t.Errorf("info: %+v", info)
	}

	for _, c := range []string{"hz", "bw"} {
		out := shmmon(t, 0, append(at, c, "live/*", "-n", "2", "--window", "200ms", "--json")...)
		if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 2*len(rates) || !json.Valid([]byte(lines[0])) {
			t.Errorf("%s printed %d lines: %s", c, len(lines), out)
		}
	}
	if out := shmmon(t, 0, append(at, "echo", "live/steady", "-n", "5")...); strings.Count(out, `{"n":`) != 5 {
		t.Errorf("echo: %s", out)
	}
	if out := shmmon(t, 0, append(at, "ps", "--json")...); !strings.Contains(out, `"unit": "live"`) || !strings.Contains(out, `"publishers": 3`) {
		t.Errorf("ps: %s", out)
	}
	if out := shmmon(t, 0, append(at, "__complete", "info", "live/s")...); !strings.Contains(out, "live/slow\nlive/steady\n") {
		t.Errorf("completion: %s", out)
	}
	var stderr bytes.Buffer
	if got := command.Run(t.Context(), append(at, "info", "live/stedy"), io.Discard, &stderr); got != 1 || !strings.Contains(stderr.String(), "there is live/steady") {
		t.Errorf("an unknown topic ends with %d: %s", got, stderr.String())
	}
	stderr.Reset()
	if got := command.Run(t.Context(), append(at, "echo", "live/none", "--wait", "--timeout", "50ms"), io.Discard, &stderr); got != 1 || !strings.Contains(stderr.String(), "0 of 1 printed") {
		t.Errorf("a timeout ends with %d: %s", got, stderr.String())
	}

	// An echo whose reader is slow loses messages, counts them, and says so with its exit code.
	var shown bytes.Buffer
	late := func() {
		for begin := messages(t, at); messages(t, at) < begin+100; {
			time.Sleep(10 * time.Millisecond)
		}
	}
	stderr.Reset()
	if got := command.Run(t.Context(), append(at, "echo", "live/fast", "-n", "3"), &reluctant{w: &shown, first: late}, &stderr); got != 3 {
		t.Errorf("a lossy echo ends with %d: %s", got, stderr.String())
	}
	if !strings.Contains(shown.String(), " lost --\n") || !strings.Contains(stderr.String(), ": lost ") {
		t.Errorf("a lossy echo prints %q and %q", shown.String(), stderr.String())
	}

	truth := stop()
	if len(list.Topics) != len(rates) {
		t.Fatalf("list: %+v", list)
	}
	for _, l := range list.Topics {
		if !l.Measured || l.State != "live" || l.Publishers != 1 || l.Subscribers != 0 || l.Encoding != "msgpack" {
			t.Errorf("%+v", l)
		}
		if !truth[l.Topic].had(l.Rate, l.Messages) {
			t.Errorf("%s: list says %.6f Hz at message %d, and the publisher never had that: %v", l.Topic, l.Rate, l.Messages, truth[l.Topic].At)
		}
	}
}

// A reluctant writer does something else before its first write.
type reluctant struct {
	w     io.Writer
	first func()
	done  bool
}

func (r *reluctant) Write(p []byte) (int, error) {
	if !r.done {
		r.done = true
		r.first()
	}
	return r.w.Write(p)
}

// messages returns how many messages of live/fast were published.
func messages(t *testing.T, at []string) int {
	t.Helper()
	var list struct{ Topics []struct{ Messages int } }
	if err := json.Unmarshal([]byte(shmmon(t, 0, append(at, "list", "live/fast", "--json", "--measure", "0")...)), &list); err != nil {
		t.Fatal(err)
	}
	return list.Topics[0].Messages
}

// A stopped process is alive, and everything that names it says that it is stopped.
func TestAStoppedProcessIsShownAsStopped(t *testing.T) {
	dir := domains(t)
	stop, pid := startPublisherProcess(t, "SHMMON_TEST_PUBLISH="+dir, len(rates))
	at := []string{"--dir", dir}
	stopped := func() bool {
		return strings.Contains(shmmon(t, 0, append(at, "ps")...), "  stopped  ")
	}
	if stopped() {
		t.Fatal("it runs, and is shown as stopped")
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(long); !stopped(); { // the kernel stops it a moment after the signal
		if time.Now().After(deadline) {
			t.Fatal("it is not shown as stopped")
		}
	}
	for text, args := range map[string][]string{
		`"state": "stopped"`: {"ps", "--json"},
		`"alive": true`:      {"ps", "--json"},
		", 1 stopped":        {"list", "live/fast", "--measure", "0"},
		`"stopped": 1`:       {"list", "live/fast", "--measure", "0", "--json"},
		", STOPPED":          {"info", "live/fast", "--measure", "0"},
		`"stopped": true`:    {"info", "live/fast", "--measure", "0", "--json"},
		"nothing to remove":  {"clean"},
	} {
		if out := shmmon(t, 0, append(at, args...)...); !strings.Contains(out, text) {
			t.Errorf("%v does not say %s: %s", args, text, out)
		}
	}
	if out := shmmon(t, 3, append(at, "doctor", "--sample", "100ms", "--json")...); !strings.Contains(out, `"fault": "stopped"`) {
		t.Error(out)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	stop()
}
