//go:build linux

package integration

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// doctorFixtureRole publishes and subscribes with the faults that its flags select, until its standard input ends.
func doctorFixtureRole(args []string) error {
	f := flag.NewFlagSet("doctor-fixture", flag.ContinueOnError)
	pub := f.String("pub", "", "topic to publish")
	depth := f.Int("depth", 16, "")
	bytes := f.Int("size", 1000, "of a sample")
	first := f.Int("first", 0, "size of the first sample")
	every := f.Duration("every", 0, "between samples; 0 publishes none")
	limit := f.Int64("limit", 0, "bytes of slots")
	loans := f.Int("loans", 0, "to begin and not to end")
	sub := f.String("sub", "", "pattern to subscribe")
	lossless := f.Bool("lossless", false, "")
	take := f.String("take", "all", "all, none, newest, or by turns: one for each that it publishes itself")
	behind := f.Int("behind", 0, "with by turns: samples to publish before the first is taken")
	pause := f.Duration("pause", 0, "after each taken sample")
	hold := f.Int("hold", 0, "samples to take first and keep")
	many := f.Int("many", 0, "subscriptions besides")
	linger := f.Bool("linger", false, "start a process that keeps the lock")
	if err := f.Parse(args); err != nil {
		return err
	}
	asked := stdinClosed()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { <-asked; cancel() }()
	p, err := topic.Join(&topic.Options{Unit: "patient"})
	if err != nil {
		return err
	}
	defer p.Close()
	if *linger {
		if err := startLockHolder(p.Dir()); err != nil {
			return err
		}
	}
	var s *topic.Subscriber[[]byte]
	if *sub != "" {
		if s, err = topic.NewSubscriber(ctx, p, *sub, &topic.SubscriberOptions[[]byte]{Lossless: *lossless}); err != nil {
			return err
		}
	}
	for range *many {
		if _, err := topic.NewSubscriber(ctx, p, *pub, &topic.SubscriberOptions[[]byte]{}); err != nil {
			return err
		}
	}
	var work sync.WaitGroup
	ill := make(chan error, 2)
	turns := make(chan struct{}, 1<<16)
	if *pub != "" {
		b, err := topic.NewPublisher(ctx, p, *pub, &topic.PublisherOptions[[]byte]{Depth: *depth, MemoryLimit: *limit})
		if err != nil {
			return err
		}
		for range *loans {
			if _, err := b.Loan(ctx, *bytes); err != nil {
				return err
			}
		}
		if *first > 0 {
			if _, err := b.Publish(ctx, make([]byte, *first)); err != nil {
				return err
			}
		}
		for range *behind {
			if _, err := b.Publish(ctx, make([]byte, *bytes)); err != nil {
				return err
			}
		}
		if *every > 0 {
			work.Go(func() {
				for ctx.Err() == nil {
					if _, err := b.Publish(ctx, make([]byte, *bytes)); err != nil && *limit == 0 && ctx.Err() == nil {
						ill <- err
						return
					}
					turns <- struct{}{}
					time.Sleep(*every)
				}
			})
		}
	}
	if *hold > 0 {
		for range *hold {
			if _, err := s.Receive(ctx); err != nil {
				return err
			}
		}
	}
	if s != nil && *take != "none" {
		work.Go(func() {
			for ctx.Err() == nil {
				if *take == "newest" {
					if one, ok, _ := s.Latest(); ok {
						one.Release()
					}
					time.Sleep(*pause)
					continue
				}
				if *take == "turns" {
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
				time.Sleep(*pause)
			}
		})
	}
	if err := report("ready"); err != nil {
		return err
	}
	select {
	case <-asked:
	case err := <-ill:
		return err
	}
	cancel()
	work.Wait()
	return nil
}

// startLockHolder starts a process that has the participant file open, as a child that was forked and not made another would, and
// reports its pid.
func startLockHolder(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.participant"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("files of participants: %q, %w", files, err)
	}
	ours, err := os.Stat(files[0])
	if err != nil {
		return err
	}
	for n := range 100 {
		if open, err := os.Stat(fmt.Sprintf("/proc/self/fd/%d", n)); err != nil || !os.SameFile(open, ours) {
			continue
		}
		copied, err := syscall.Dup(n)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(copied), files[0])
		defer f.Close()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleVariable+"=lock-holder")
		cmd.ExtraFiles = []*os.File{f}
		if err := cmd.Start(); err != nil {
			return err
		}
		return report(cmd.Process.Pid)
	}
	return fmt.Errorf("no descriptor is of %s", files[0])
}

// lockHolderRole stays until it is killed, or for as long as no test takes.
func lockHolderRole([]string) error {
	time.Sleep(waitLimit)
	return nil
}

// memberChurnRole has members that join, publish or subscribe for a moment, and leave, over and over.
func memberChurnRole(args []string) error {
	f := flag.NewFlagSet("member-churn", flag.ContinueOnError)
	members := f.Int("members", 10, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	asked := stdinClosed()
	ill := make(chan error, *members)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var work sync.WaitGroup
	for i := range *members {
		work.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := joinBriefly(ctx, i, n); err != nil {
					ill <- err
					return
				}
			}
		})
	}
	if err := report("ready"); err != nil {
		return err
	}
	select {
	case <-asked:
	case err := <-ill:
		return err
	}
	cancel()
	work.Wait()
	return nil
}

// joinBriefly is one stay of one member in the domain.
func joinBriefly(ctx context.Context, i, n int) error {
	p, err := topic.Join(&topic.Options{Unit: "throng"})
	if err != nil {
		return err
	}
	defer p.Close()
	name := fmt.Sprintf("throng/%d", i/2)
	stay, cancel := context.WithTimeout(ctx, time.Duration(50+37*(i+n)%250)*time.Millisecond)
	defer cancel()
	if i%2 == 0 {
		pub, err := topic.NewPublisher(ctx, p, name, &topic.PublisherOptions[[]byte]{Depth: 1024})
		if err != nil {
			return err
		}
		for stay.Err() == nil {
			if _, err := pub.Publish(context.Background(), make([]byte, 50+200*(n%3))); err != nil {
				return err
			}
			time.Sleep(5 * time.Millisecond)
		}
		return nil
	}
	sub, err := topic.NewSubscriber(ctx, p, name, &topic.SubscriberOptions[[]byte]{Lossless: n%2 == 0})
	if err != nil {
		return err
	}
	for stay.Err() == nil {
		if s, err := sub.Receive(stay); err == nil {
			s.Release()
		}
	}
	return nil
}
