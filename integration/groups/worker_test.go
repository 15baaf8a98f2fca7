//go:build linux

package groups

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/group"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

const (
	jobs    = "robot/jobs"
	workers = "workers"
)

// A worker is the request of a process that is a member, and writes what it does into a file, which outlives it.
type worker struct {
	Log             string
	Receivers       int           // goroutines, and MaxOutstanding
	Work            time.Duration // at most, on one sample; negative: without end
	LosslessTimeout time.Duration
}

// The phases of the work on a sample.
const (
	began  = "began"
	ending = "ending" // Ack comes next
	acked  = "acked"
)

// A step is a line of the file.
type step struct {
	Phase       string
	Value       int
	Redelivered bool
	At          int64 // CLOCK_MONOTONIC
}

func work(ctx context.Context, parent *subproc.Parent, r worker) error {
	f, err := os.OpenFile(r.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	m, err := group.Join(ctx, p, jobs, workers, &group.Options[int]{MaxOutstanding: r.Receivers, LosslessTimeout: r.LosslessTimeout})
	if err != nil {
		return err
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	w := &log{clock: clock.New(), out: json.NewEncoder(f)}
	errs := make(chan error)
	for range r.Receivers {
		go func() { errs <- w.workOn(ctx, m, r.Work) }()
	}
	for range r.Receivers {
		err = errors.Join(err, <-errs)
	}
	return errors.Join(err, m.Close())
}

// A log writes steps.
type log struct {
	clock clock.Clock
	mu    sync.Mutex
	out   *json.Encoder
}

func (w *log) write(phase string, value int, redelivered bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Encode(step{phase, value, redelivered, w.clock.Now()})
}

// workOn works on samples until ctx ends, and finishes the last one.
func (w *log) workOn(ctx context.Context, m *group.Member[int], most time.Duration) error {
	for {
		d, err := m.Receive(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		v, err := d.Value()
		if err := errors.Join(err, w.write(began, v, d.Redelivered())); err != nil {
			return err
		}
		if most < 0 {
			<-ctx.Done()
			return nil
		}
		time.Sleep(time.Duration(rand.Int64N(int64(most) + 1)))
		if err := errors.Join(w.write(ending, v, false), d.Ack(), w.write(acked, v, false)); err != nil {
			return err
		}
	}
}

// A workerProcess is the parent's handle of a worker.
type workerProcess struct {
	*harness.Child
	log    string
	killed int64 // CLOCK_MONOTONIC, before the kill; 0: it was not
}

func start(t *testing.T, dir string, r worker) *workerProcess {
	t.Helper()
	r.Log = filepath.Join(t.TempDir(), "log")
	r.Receivers = cmp.Or(r.Receivers, 1)
	return &workerProcess{Child: harness.Start(t, dir, r), log: r.Log}
}

func (w *workerProcess) kill() {
	c := clock.New()
	w.killed = c.Now()
	w.Kill()
}

// steps are what a worker has written. A line that its death cut short is left out.
func (w *workerProcess) steps() (all []step) {
	w.T.Helper()
	f, err := os.Open(w.log)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		w.T.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var s step
		if json.Unmarshal(lines.Bytes(), &s) == nil {
			all = append(all, s)
		}
	}
	return all
}

// await waits for a phase of the work on a value, by any of these workers, and returns which it is.
func await(t *testing.T, phase string, value int, all ...*workerProcess) *workerProcess {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		for _, w := range all {
			if slices.ContainsFunc(w.steps(), func(s step) bool { return s.Phase == phase && s.Value == value }) {
				return w
			}
		}
		if time.Since(begin) > harness.WaitLimit {
			for _, w := range all {
				t.Logf("%d: %+v", w.PID(), w.steps())
			}
			t.Fatalf("no worker %s %d", phase, value)
		}
	}
}

func publisher(t *testing.T, dir string, depth int) *topic.Publisher[int] {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	pub, err := topic.NewPublisher(t.Context(), p, jobs, &topic.PublisherOptions[int]{Depth: depth})
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

func publish(t *testing.T, pub *topic.Publisher[int], values ...int) {
	t.Helper()
	for _, v := range values {
		if _, err := pub.Publish(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
}
