package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"sort"
	"testing"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// A progress is a count of messages and the stamp of the newest one.
type progress struct {
	Messages uint64
	At       int64
}

// publishFast is the test binary as another process: it publishes a thousand messages in each millisecond, as far as the machine lets it, until
// its standard input ends, and then says how far it was when.
func publishFast() int {
	p, err := topic.Join(&topic.Options{Dir: os.Getenv("SHMMON_TEST_FAST"), Unit: "fast"})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer p.Close()
	pub, err := topic.NewPublisher[[]byte](context.Background(), p, "fast", nil)
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
	// Noted are each hundredth message, and those on both sides of a silence: a process that does not run may be silent at any message.
	const silence = int64(50 * time.Microsecond)
	var all []progress
	var last progress
	payload := make([]byte, 8)
	for tick := time.Tick(time.Millisecond); ; {
		for i := range 1000 {
			if _, err := pub.Publish(context.Background(), payload); err != nil {
				panic(err)
			}
			f := pub.Stats()
			now := progress{f.Messages, int64(f.LastStamp)}
			silent := now.At-last.At > silence && last.Messages > 0
			if silent && all[len(all)-1] != last {
				all = append(all, last)
			}
			if silent || i%100 == 0 {
				all = append(all, now)
			}
			last = now
		}
		select {
		case <-closed:
			if json.NewEncoder(os.Stdout).Encode(all) != nil {
				return 1
			}
			return 0
		case <-tick:
		}
	}
}

// timeOf is the time of a message, between those that were noted.
func timeOf(all []progress, m uint64) float64 {
	i := min(max(sort.Search(len(all), func(i int) bool { return all[i].Messages >= m }), 1), len(all)-1)
	a, b := all[i-1], all[i]
	return float64(a.At) + float64(b.At-a.At)*float64(m-a.Messages)/float64(b.Messages-a.Messages)
}

// rateAt is the rate in the window of that length that ends at a time, and with a message.
func rateAt(all []progress, message uint64, end, window float64) float64 {
	begin := end - window*1e9
	i := sort.Search(len(all), func(i int) bool { return float64(all[i].At) > begin })
	if i == 0 || i == len(all) {
		return math.NaN()
	}
	a, b := all[i-1], all[i]
	first := float64(a.Messages) + float64(b.Messages-a.Messages)*(begin-float64(a.At))/float64(b.At-a.At)
	return (float64(message) - first) / window
}

// A publisher of up to a million messages per second that nothing subscribes to: hz says what it published, within two percent.
func TestHz_FastPublisher(t *testing.T) {
	dir := domains(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "SHMMON_TEST_FAST="+dir)
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
	lines := shmmon(t, 0, "--dir", dir, "hz", "fast", "-n", "6", "--window", "500ms", "--json")
	in.Close()
	var truth []progress
	if err := json.NewDecoder(out).Decode(&truth); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for d := json.NewDecoder(bytes.NewReader([]byte(lines))); d.More(); n++ {
		var l rateLine
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			continue // its window may begin before the first message
		}
		// The window ends with the newest message, or later and before the next one.
		m := uint64(l.Messages)
		early, late := rateAt(truth, m, timeOf(truth, m), l.Span), rateAt(truth, m, timeOf(truth, m+1), l.Span)
		if ok := l.Rate > 0.98*min(early, late) && l.Rate < 1.02*max(early, late); !ok || !l.Measured {
			t.Errorf("line %d: %v Hz, it published %v to %v in the %v s up to message %d", n+1, l.Rate, early, late, l.Span, m)
		}
		t.Logf("%.0f Hz", l.Rate)
	}
	if n != 6 {
		t.Errorf("%d lines", n)
	}
}
