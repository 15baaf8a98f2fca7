//go:build linux

package exchange

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// Where docs/format.md says that a reader file has its link pages, and a page its armed word.
const (
	linkPages    = 8192
	linkPageSize = 4096
	offArmed     = 64
	armedFirst   = 2       // the lowest number of a sleep
	armedFrom    = 1 << 31 // the lowest word of a link that rests
)

// How many samples are published, and subscriptions there are, while system calls are counted.
const (
	countedSamples = 200
	sleepers       = 3
	allLinks       = 2*sleepers + 1 // with one that rests
	settling       = 8
)

// counted is the request of a process that publishes while strace counts: to subscriptions from which no goroutine receives and to one with
// a latency budget, one by one to sleepers, and in batches to sleepers. Each publish of the last two waits until all are asleep. getppid stands before and after the
// calls that count.
type counted struct{}

func publishCounted(_ context.Context, parent *subproc.Parent, _ counted) error {
	runtime.LockOSThread() // the system calls of other threads are the runtime's
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(context.Background(), harness.WaitLimit)
	defer cancel()
	// A quarter of the ring is more than is published.
	awake, err := topic.NewPublisher(ctx, p, "awake", &topic.PublisherOptions[[]byte]{Depth: 4096})
	if err != nil {
		return err
	}
	asleep, err := topic.NewPublisher[[]byte](ctx, p, "asleep", nil)
	if err != nil {
		return err
	}
	if err := errors.Join(awake.WaitSubscribers(ctx, sleepers+1), asleep.WaitSubscribers(ctx, sleepers)); err != nil {
		return err
	}
	payload := make([]byte, 64)
	batch := [][]byte{payload, payload, payload, payload}
	for range 64 { // both take all the memory that they need
		if _, err := awake.PublishBatch(ctx, batch); err != nil {
			return err
		}
		if _, err := asleep.PublishBatch(ctx, batch); err != nil {
			return err
		}
	}
	syscall.Getppid()
	for range countedSamples {
		if _, err := awake.Publish(ctx, payload); err != nil {
			return err
		}
	}
	if _, err := awake.PublishBatch(ctx, batch); err != nil {
		return err
	}
	syscall.Getppid()
	// The first are not counted: a sleeper without a processor may still have to wake up for an earlier sample, and is not woken
	// again.
	var links armedLinks
	for range settling {
		if err := links.await(ctx); err != nil {
			return err
		}
		if _, err := asleep.Publish(ctx, payload); err != nil {
			return err
		}
	}
	for i := range 2 * countedSamples {
		if err := links.await(ctx); err != nil {
			return err
		}
		syscall.Getppid()
		if i < countedSamples {
			_, err = asleep.Publish(ctx, payload)
		} else {
			_, err = asleep.PublishBatch(ctx, batch)
		}
		syscall.Getppid()
		if err != nil {
			return err
		}
	}
	return parent.Ready()
}

// armedLinks are the armed words of all links of the only participant that subscribes.
type armedLinks struct {
	file     *os.File
	answered [allLinks]uint32 // what they were before the last publish
}

// await waits until as many links as there are sleepers are armed, with numbers that no publish has answered.
func (a *armedLinks) await(ctx context.Context) error {
	if a.file == nil {
		names, err := filepath.Glob(filepath.Join(os.Getenv("SHMBUS_DIR"), "d", "*.reader"))
		if err != nil || len(names) != 1 {
			return fmt.Errorf("reader files: %v, %v", names, err)
		}
		if a.file, err = os.Open(names[0]); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		var now [allLinks]uint32
		armed := 0
		for i := range now {
			var b [4]byte
			if _, err := a.file.ReadAt(b[:], int64(linkPages+i*linkPageSize+offArmed)); err != nil {
				return err
			}
			if now[i] = binary.NativeEndian.Uint32(b[:]); now[i] >= armedFirst && now[i] < armedFrom && now[i] != a.answered[i] {
				armed++
			}
		}
		if armed == sleepers {
			a.answered = now
			return nil
		}
		time.Sleep(100 * time.Microsecond)
	}
	return fmt.Errorf("the subscriptions do not all go to sleep: %w", ctx.Err())
}

// A publish makes no system call while no subscription sleeps, or only one with a latency budget, and one, which wakes all, when some do.
func TestPublish_SystemCalls(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%v; install the package strace", err)
	}
	dir := harness.NewDomain(t)
	t.Setenv("SHMBUS_DIR", dir)
	t.Setenv("SHMBUS_DOMAIN", "d")
	p, err := topic.Join(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, stop := context.WithCancel(t.Context())
	var receivers sync.WaitGroup
	defer receivers.Wait()
	defer stop()
	receive := func(sub *topic.Subscriber[[]byte]) {
		receivers.Go(func() {
			for ctx.Err() == nil {
				if s, err := sub.Receive(ctx); err == nil {
					s.Release()
				}
			}
		})
	}
	resting, err := topic.NewSubscriber(ctx, p, "awake", &topic.SubscriberOptions[[]byte]{LatencyBudget: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	receive(resting)
	for range sleepers {
		if _, err := topic.NewSubscriber[[]byte](ctx, p, "awake", nil); err != nil { // no goroutine receives from it
			t.Fatal(err)
		}
		sub, err := topic.NewSubscriber[[]byte](ctx, p, "asleep", nil)
		if err != nil {
			t.Fatal(err)
		}
		receive(sub)
	}

	lines := filepath.Join(t.TempDir(), "calls")
	// The runtime neither collects nor sends signals meanwhile.
	c := harness.StartWith(t, dir, counted{}, harness.Options{
		Program: []string{strace, "-f", "-e", "signal=none", "-o", lines, "--", os.Args[0]},
		Env:     []string{"GOGC=off", "GODEBUG=asyncpreemptoff=1"},
	})
	c.Ready()
	c.Finish()
	text, err := os.ReadFile(lines)
	if err != nil {
		t.Fatal(err)
	}
	between := callsBetweenMarks(string(text))
	if len(between) != 1+2*countedSamples {
		t.Fatalf("%d publishes were counted", len(between))
	}
	if calls := between[0]; len(calls) > 0 {
		t.Errorf("without sleepers: %d calls: %q", len(calls), calls)
	}
	wake := regexp.MustCompile(`^futex\(0x[0-9a-f]+, FUTEX_WAKE, 2147483647`)
	for i, calls := range between[1:] {
		if len(calls) != 1 || !wake.MatchString(calls[0]) {
			t.Errorf("publish %d to sleepers: %q", i, calls)
		}
	}
}

// ofRuntime is what Go's runtime calls on any thread for its own purposes. Futexes of shmbus are never private.
var ofRuntime = regexp.MustCompile(`^(futex\(.*_PRIVATE|sched_yield\()`)

// callsBetweenMarks returns the system calls of the thread that called getppid first, between the first and the second of these,
// the third and the fourth, and so on.
func callsBetweenMarks(trace string) (between [][]string) {
	marker, inside := "", false
	for line := range strings.Lines(trace) {
		thread, call, _ := strings.Cut(line, " ")
		call = strings.TrimSpace(call)
		mark := strings.HasPrefix(call, "getppid(")
		if mark && marker == "" {
			marker = thread
		}
		switch {
		case thread != marker || strings.HasPrefix(call, "<... "):
		case mark:
			if inside = !inside; inside {
				between = append(between, nil)
			}
		case inside && !ofRuntime.MatchString(call):
			last := len(between) - 1
			between[last] = append(between[last], call)
		}
	}
	return between
}
