package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/command"
	"github.com/shmbus/shmbus/topic"
)

// publishBursts is the test binary as another process: it publishes 50 messages at once again and again, until its standard input
// ends, and then says when it published them.
func publishBursts() int {
	p, err := topic.Join(&topic.Options{Dir: os.Getenv("SHMMON_TEST_BURSTS"), Unit: "bursts"})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer p.Close()
	pub, err := topic.NewPublisher(context.Background(), p, "bursts", &topic.PublisherOptions[int]{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer pub.Close()
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	fmt.Println("ready")
	sent := published{Topic: "bursts"}
	for tick := time.Tick(300 * time.Millisecond); ; {
		for i := range 50 {
			if _, err := pub.Publish(context.Background(), i); err != nil {
				panic(err)
			}
			sent.At = append(sent.At, int64(pub.Stats().LastStamp))
		}
		select {
		case <-closed:
			if err := json.NewEncoder(os.Stdout).Encode(sent); err != nil {
				return 1
			}
			return 0
		case <-tick:
		}
	}
}

// most returns how many messages the fullest window of that length has.
func (p published) most(window time.Duration) (most int) {
	from := 0
	for i, at := range p.At {
		for at-p.At[from] >= int64(window) {
			from++
		}
		most = max(most, i+1-from)
	}
	return most
}

// A rateLine is a line of hz --json.
type rateLine struct {
	Window       float64 `json:"window_s"`
	Rate         float64
	Mean         float64
	Min, Max     float64
	Measured     bool
	Span         float64 `json:"span_s"`
	MeanLength   float64 `json:"mean_s"`
	MeanMessages float64 `json:"mean_messages"`
	Messages     int
}

// onLine calls do with the number of each line that is written, from 1 on.
type onLine struct {
	bytes.Buffer
	lines int
	do    func(n int)
}

func (o *onLine) Write(p []byte) (int, error) {
	o.lines++
	o.do(o.lines)
	return o.Buffer.Write(p)
}

func TestHz_RatesThatTheTopicHad(t *testing.T) {
	for name, stopped := range map[string]bool{"bursts": false, "a process that is stopped for a while": true} {
		t.Run(name, func(t *testing.T) {
			dir := domains(t)
			end, pid := startPublisherProcess(t, "SHMMON_TEST_BURSTS="+dir, 1)
			out := &onLine{do: func(n int) {
				switch {
				case !stopped:
				case n == 5:
					_ = syscall.Kill(pid, syscall.SIGSTOP)
				case n == 15:
					_ = syscall.Kill(pid, syscall.SIGCONT)
				}
			}}
			var stderr strings.Builder
			if code := command.Run(t.Context(), []string{"--dir", dir, "hz", "bursts", "-n", "25", "--window", "100ms", "--json"}, out, &stderr); code != 0 {
				t.Fatal(stderr.String())
			}
			truth := end()["bursts"]
			const rounded = 1e-4
			var lines []rateLine
			for d := json.NewDecoder(&out.Buffer); d.More(); {
				var l rateLine
				if err := d.Decode(&l); err != nil {
					t.Fatal(err)
				}
				lines = append(lines, l)
				if math.Abs(l.Mean*l.MeanLength-l.MeanMessages) > rounded*l.MeanMessages {
					t.Errorf("line %d: a mean of %v for %v messages in %v s", len(lines), l.Mean, l.MeanMessages, l.MeanLength)
				}
				if l.Measured && l.Span < l.Window {
					t.Errorf("line %d: a window of %v s for one of %v s", len(lines), l.Span, l.Window)
				}
				span := max(l.Span, l.Window)
				// Count and stamp are read one after the other, so that a message may be counted before its stamp is seen.
				if most := float64(1+truth.most(time.Duration(span*float64(time.Second)*(1+rounded)))) / span; l.Rate > most*(1+2*rounded) {
					t.Errorf("line %d: %.2f Hz, and no window of %v s has more than %.2f", len(lines), l.Rate, span, most)
				}
			}
			if len(lines) != 25 {
				t.Fatalf("%d lines", len(lines))
			}
			first, last := lines[0], lines[24]
			if came := last.MeanMessages - first.MeanMessages; came != float64(last.Messages-first.Messages) {
				t.Errorf("the mean is of %v messages, the counter grew by %d", came, last.Messages-first.Messages)
			}
		})
	}
}

// A topic that has just fallen silent has no rate, though its publisher's life was fast.
func TestCheck_RateOfSilentTopic(t *testing.T) {
	dir := domains(t)
	p, err := topic.Join(&topic.Options{Dir: dir, Unit: "imu"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	pub, err := topic.NewPublisher[int](t.Context(), p, "imu", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	for i := range 10_000 {
		if _, err := pub.Publish(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	if out := shmmon(t, 3, "--dir", dir, "check", "imu", "--min-rate", "9"); !strings.Contains(out, "imu has 0 messages per second") {
		t.Errorf("%s", out)
	}
	if out := shmmon(t, 0, "--dir", dir, "list", "--field", "rate", "--field", "measured"); out != "0\ttrue\n" {
		t.Errorf("%q", out)
	}
}
