// Package workload has the workloads of shmperf. Each is a type that says what to measure, with a method that runs the measurement in
// an environment of its own, and the roles of its processes.
package workload

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/topic"
)

// Roles returns the roles of the processes of all workloads by name.
func Roles() map[string]harness.Role {
	return map[string]harness.Role{
		LinkSender:          harness.NewRole("sender", sendLink),
		LinkReceiver:        harness.NewRole("receiver", receiveLink),
		FanOutPublisher:     harness.NewRole("publisher", publishFanOut),
		fanOutSubscriber:    harness.NewRole("subscriber", subscribeFanOut),
		lastValueWriter:     harness.NewRole("writer", writeValues),
		lastValueReader:     harness.NewRole("reader", readValues),
		discoveryPublisher:  harness.NewRole("publisher", publishRepeatedly),
		discoverySubscriber: harness.NewRole("subscriber", awaitPublishers),
		discoveryWatcher:    harness.NewRole("watcher", watchEvents),
		discoveryVictim:     harness.NewRole("victim", awaitKill),
		scaleParticipants:   joinParticipants,
		scaleWildcard:       subscribeAll,
		scaleVisitor:        visitDomain,
		idleProcess:         harness.NewRole("idler", stayIdle),
		memoryPublisher:     harness.NewRole("publisher", publishMemory),
		memorySubscriber:    harness.NewRole("subscriber", subscribeMemory),
		hopProcess:          harness.NewRole("hop", hop),
		hopPublisher:        harness.NewRole("publisher", publishHop),
		callServer:          harness.NewRole("server", serveCalls),
		callClient:          harness.NewRole("client", makeCalls),
		callStuckClient:     harness.NewRole("stuck client", beStuck),
		codecProcess:        harness.NewRole("codec", runCodec),
	}
}

// The ways to wait for a message.
const (
	WaitPoll    = "poll"    // TryReceive in a loop
	WaitSpin    = "spin"    // Receive that never sleeps
	WaitBlock   = "block"   // Receive that sleeps at once
	WaitDefault = "default" // Receive of a subscriber without options
)

// spinTime returns the subscriber option that makes Receive wait in that way.
func spinTime(wait string) time.Duration {
	switch wait {
	case WaitSpin:
		return time.Hour
	case WaitBlock:
		return -1
	}
	return 0
}

// receive waits for a sample in one of the ways to wait.
func receive(ctx context.Context, sub *topic.Subscriber[[]byte], wait string) (topic.Sample[[]byte], error) {
	if wait != WaitPoll {
		return sub.Receive(ctx)
	}
	for {
		for range harness.PollsPerCheck {
			if s, ok, err := sub.TryReceive(); ok || err != nil {
				return s, err
			}
		}
		if ctx.Err() != nil {
			return topic.Sample[[]byte]{}, ctx.Err()
		}
	}
}

// messagesPerClockRead is the number of messages between two readings of the clock where a message takes less time than a reading. It
// is a power of two.
const messagesPerClockRead = 256

// domainMemory returns the bytes that the files of the domain of the environment in dir occupy.
func domainMemory(dir string) (uint64, error) {
	domain, err := harness.DomainDir(dir)
	if err != nil {
		return 0, err
	}
	return measure.SharedMemory(domain)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
