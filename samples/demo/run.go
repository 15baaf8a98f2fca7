package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/shmbus/shmbus/record"
)

type config struct {
	duration time.Duration
	rate     float64
	dir      string // on a tmpfs
	keep     string // file, "" = the recording is removed
}

const (
	// watchdog ends a demo that hangs. It is far more than the two times maxDuration and some starts of processes need.
	watchdog    = 60 * time.Second
	maxDuration = 20 * time.Second
)

// run runs the demo, removes everything the demo made, and returns its last line.
func run(ctx context.Context, c config, s *screen) (ok string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, watchdog, fmt.Errorf("it was not done after %v", watchdog))
	defer cancel()
	dom, err := makeDomains(c.dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, dom.remove()) }()
	files, err := os.MkdirTemp("", "shmbus-demo-")
	if err != nil {
		return "", fmt.Errorf("make a directory for the recordings: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(files)) }()
	first, second := filepath.Join(files, "first.mcap"), filepath.Join(files, "second.mcap")
	if c.keep != "" {
		first = c.keep
	}
	s.print("domains %s and %s are in %s", liveDomain, replayDomain, dom.dir)
	all := newProcesses(ctx)
	defer all.stopAll() // before the domains are removed

	var r results
	if err := recordLive(all, dom, c, first, s, &r); err != nil {
		return "", err
	}
	if err := replay(all, dom, first, second, s, &r); err != nil {
		return "", err
	}
	s.print("comparing the two recordings")
	if r.difference, err = compare(all.group.Context(), first, second); err != nil {
		return "", err
	}
	if err := r.table(s.w); err != nil {
		return "", err
	}
	if found := r.differences(); len(found) > 0 {
		return "", errors.New(strings.Join(found, "\n"))
	}
	return fmt.Sprintf("demo ok: %d messages on %d topics recorded, replayed and compared equal", r.difference.Messages, r.topics()), nil
}

// recordLive publishes real figures while a subscriber shows them and a recorder writes them down.
func recordLive(all *processes, dom domains, c config, file string, s *screen, r *results) error {
	v := s.watch()
	recorder, subscriber, err := startReceivers(all, dom, liveDomain, file, v.show)
	if err != nil {
		return err
	}
	host, err := all.start(request{
		Role: rolePublisher, Dir: dom.dir, Domain: liveDomain, Duration: c.duration, Rate: c.rate, Subscribers: receivers,
	}, nil)
	if err != nil {
		return err
	}
	if err := host.waitReady(); err != nil {
		return err
	}
	s.print("recording this machine's figures for %v", c.duration)
	last, err := host.finish()
	if err != nil {
		return err
	}
	r.published = *last.Published
	r.received, r.recorded, err = stopReceivers(subscriber, recorder)
	v.finish()
	return err
}

// replay plays the recording into the other domain at its own pace, where it is shown and recorded again.
func replay(all *processes, dom domains, file, again string, s *screen, r *results) error {
	v := s.watch()
	recorder, subscriber, err := startReceivers(all, dom, replayDomain, again, v.show)
	if err != nil {
		return err
	}
	s.print("replaying %d messages at their own pace", r.recorded.Messages)
	player, err := all.start(request{Role: rolePlayer, Dir: dom.dir, Domain: replayDomain, File: file, Subscribers: receivers}, nil)
	if err != nil {
		return err
	}
	last, err := player.finish()
	if err != nil {
		return err
	}
	r.replayed = *last.Summary
	r.seen, r.rerecorded, err = stopReceivers(subscriber, recorder)
	v.finish()
	return err
}

// receivers is how many subscriptions there are to every topic: the recorder's and the subscriber's.
const receivers = 2

func startReceivers(all *processes, dom domains, domain, file string, show func([]value)) (recorder, subscriber *child, err error) {
	recorder, err = all.start(request{Role: roleRecorder, Dir: dom.dir, Domain: domain, File: file}, nil)
	if err != nil {
		return nil, nil, err
	}
	subscriber, err = all.start(request{Role: roleSubscriber, Dir: dom.dir, Domain: domain}, show)
	if err != nil {
		return nil, nil, err
	}
	return recorder, subscriber, errors.Join(recorder.waitReady(), subscriber.waitReady())
}

// stopReceivers ends both after the last message was published. Each first takes what it has not taken yet.
func stopReceivers(subscriber, recorder *child) (received, record.Summary, error) {
	subscriber.stop()
	recorder.stop()
	seen, err := subscriber.finish()
	if err != nil {
		return received{}, record.Summary{}, err
	}
	recorded, err := recorder.finish()
	if err != nil {
		return received{}, record.Summary{}, err
	}
	return *seen.Received, *recorded.Summary, nil
}

// compare stops waiting when ctx ends. The comparison itself goes on until the process ends soon after.
func compare(ctx context.Context, a, b string) (record.Difference, error) {
	type outcome struct {
		d   record.Difference
		err error
	}
	compared := make(chan outcome, 1)
	go func() {
		d, err := record.Compare(a, b)
		compared <- outcome{d, err}
	}()
	select {
	case o := <-compared:
		return o.d, o.err
	case <-ctx.Done():
		return record.Difference{}, context.Cause(ctx)
	}
}
