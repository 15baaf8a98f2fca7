//go:build linux

package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// A fixture is the request of a process that publishes and subscribes with faults, until the parent asks it to end.
type fixture struct {
	Pub      string        // topic to publish
	Depth    int           // 16 if 0
	Size     int           // of a sample, 1000 if 0
	First    int           // size of the first sample
	Interval time.Duration // between samples; 0 publishes none
	Limit    int64         // bytes of slots
	Loans    int           // to begin and not to end

	Sub        string // pattern to subscribe
	Lossless   bool
	Take       takes
	Behind     int           // with takeByTurns: samples to publish before the first is taken
	Pause      time.Duration // after each taken sample
	Hold       int           // samples to take first and keep
	Many       int           // subscriptions besides
	Separation time.Duration // the least between samples that are taken
	Linger     bool          // start programs that outlive the process, and reply with their pids
}

// takes says which samples a fixture takes.
type takes string

const (
	takeAll     takes = ""
	takeNone    takes = "none"
	takeNewest  takes = "newest"
	takeByTurns takes = "turns" // one for each that the process publishes itself
)

func runFixture(stop context.Context, parent *subproc.Parent, r fixture) error {
	size := cmp.Or(r.Size, 1000)
	ctx, cancel := context.WithCancel(stop)
	defer cancel()
	p, err := topic.Join(&topic.Options{Unit: "examined"})
	if err != nil {
		return err
	}
	defer p.Close()
	if r.Linger {
		all, err := startLingering(p.Dir())
		if err != nil {
			return err
		}
		if err := parent.Reply(all); err != nil {
			return err
		}
	}
	var s *topic.Subscriber[[]byte]
	if r.Sub != "" {
		if s, err = topic.NewSubscriber(ctx, p, r.Sub, &topic.SubscriberOptions[[]byte]{Lossless: r.Lossless, MinSeparation: r.Separation}); err != nil {
			return err
		}
	}
	for range r.Many {
		if _, err := topic.NewSubscriber(ctx, p, r.Pub, &topic.SubscriberOptions[[]byte]{}); err != nil {
			return err
		}
	}
	var work sync.WaitGroup
	ill := make(chan error, 2)
	turns := make(chan struct{}, 1<<16)
	if r.Pub != "" {
		b, err := topic.NewPublisher(ctx, p, r.Pub, &topic.PublisherOptions[[]byte]{Depth: cmp.Or(r.Depth, 16), MemoryLimit: r.Limit})
		if err != nil {
			return err
		}
		for range r.Loans {
			if _, err := b.Loan(ctx, size); err != nil {
				return err
			}
		}
		if r.First > 0 {
			if _, err := b.Publish(ctx, make([]byte, r.First)); err != nil {
				return err
			}
		}
		for range r.Behind {
			if _, err := b.Publish(ctx, make([]byte, size)); err != nil {
				return err
			}
		}
		if r.Interval > 0 {
			work.Go(func() {
				for ctx.Err() == nil {
					if _, err := b.Publish(ctx, make([]byte, size)); err != nil && r.Limit == 0 && ctx.Err() == nil {
						ill <- err
						return
					}
					turns <- struct{}{}
					time.Sleep(r.Interval)
				}
			})
		}
	}
	if r.Hold > 0 {
		for range r.Hold {
			if _, err := s.Receive(ctx); err != nil {
				return err
			}
		}
	}
	if s != nil && r.Take != takeNone {
		work.Go(func() {
			for ctx.Err() == nil {
				if r.Take == takeNewest {
					if one, ok, _ := s.Latest(); ok {
						one.Release()
					}
					time.Sleep(r.Pause)
					continue
				}
				if r.Take == takeByTurns {
					select {
					case <-turns:
					case <-ctx.Done():
						return
					}
				}
				one, err := s.Receive(ctx)
				if err != nil {
					return
				}
				one.Release()
				time.Sleep(r.Pause)
			}
		})
	}
	return harness.WorkUntilAsked(stop, parent, cancel, &work, ill)
}

// lingering are the pids of programs that outlive the fixture which started them.
type lingering struct {
	Lock   int // has the participant file open, as a child that was forked without exec would
	Output int // has the standard output, so that the test's process does not reap the fixture before this program ends
}

func startLingering(dir string) (all lingering, _ error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.participant"))
	if err != nil || len(files) != 1 {
		return all, fmt.Errorf("files of participants: %q, %w", files, err)
	}
	ours, err := os.Stat(files[0])
	if err != nil {
		return all, err
	}
	for n := range 100 {
		if open, err := os.Stat(fmt.Sprintf("/proc/self/fd/%d", n)); err != nil || !os.SameFile(open, ours) {
			continue
		}
		copied, err := syscall.Dup(n)
		if err != nil {
			return all, err
		}
		f := os.NewFile(uintptr(copied), files[0])
		defer f.Close()
		lock, output := exec.Command("sleep", "60"), exec.Command("sleep", "60")
		lock.ExtraFiles = []*os.File{f}
		output.Stdout = os.Stdout
		if err := errors.Join(lock.Start(), output.Start()); err != nil {
			return all, err
		}
		return lingering{lock.Process.Pid, output.Process.Pid}, nil
	}
	return all, fmt.Errorf("no descriptor is of %s", files[0])
}
