package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// The names of the roles.
const (
	memoryPublisher  = "memory-publisher"
	memorySubscriber = "memory-subscriber"
)

func memoryTopic(i int) string { return fmt.Sprintf("perf/memory/%d", i) }

// A Memory is topics that take memory: what each adds to the shared memory of a domain, and the size of a process that has one and
// does nothing. All processes get it as their request.
type Memory struct {
	harness.Location
	Topics      int `json:"topics"`
	Subscribers int `json:"subscribers"` // processes that subscribe to every topic
	Size        int `json:"size"`
	Depth       int `json:"depth"`
}

// A MemoryResult is memory in bytes.
type MemoryResult struct {
	Empty      uint64      // shared memory of a domain of these processes without a topic
	First      uint64      // additional memory with one topic
	All        uint64      // additional memory with all topics
	Publisher  ProcessSize // with one topic
	Subscriber ProcessSize // with one topic, zero without subscribers
}

// A ProcessSize is the size of a process.
type ProcessSize struct {
	Threads uint64 `json:"threads"`
	RSS     uint64 `json:"rss"` // bytes
}

// Run measures in an environment in parent.
func (m Memory) Run(ctx context.Context, parent string) (r MemoryResult, err error) {
	err = harness.Run(ctx, parent, func(env *harness.Environment) error {
		m.Location = env.Location()
		publisher, err := env.StartReady(memoryPublisher, m)
		if err != nil {
			return err
		}
		var subscribers []*subproc.Child
		for range m.Subscribers {
			c, err := env.StartReady(memorySubscriber, m)
			if err != nil {
				return err
			}
			subscribers = append(subscribers, c)
		}
		if r.Empty, err = domainMemory(env.Dir); err != nil {
			return err
		}
		if r.Publisher, r.Subscriber, err = growTo(1, publisher, subscribers); err != nil {
			return err
		}
		if r.First, err = domainMemory(env.Dir); err != nil {
			return err
		}
		if _, _, err = growTo(m.Topics, publisher, subscribers); err != nil {
			return err
		}
		if r.All, err = domainMemory(env.Dir); err != nil {
			return err
		}
		r.First, r.All = r.First-min(r.First, r.Empty), r.All-min(r.All, r.Empty)
		return harness.Finish(append(subscribers, publisher)...)
	})
	return r, err
}

// A memoryStep tells a process how many topics to have.
type memoryStep struct {
	Topics int `json:"topics"`
}

// growTo has every process grow to a number of topics, with a sample received on each. It returns the sizes of the publisher and of the
// first subscriber.
func growTo(topics int, publisher *subproc.Child, subscribers []*subproc.Child) (p, s ProcessSize, err error) {
	for _, c := range append([]*subproc.Child{publisher}, subscribers...) {
		if err := c.Send(memoryStep{Topics: topics}); err != nil {
			return p, s, err
		}
	}
	if err := publisher.Next(&p); err != nil {
		return p, s, err
	}
	for i := len(subscribers) - 1; i >= 0; i-- {
		if err := subscribers[i].Next(&s); err != nil {
			return p, s, err
		}
	}
	return p, s, nil
}

func publishMemory(ctx context.Context, w *harness.Worker[Memory]) (any, error) {
	m, payload := w.Request, make([]byte, w.Request.Size)
	return nil, addTopics(ctx, w, func(i int) error {
		opts := topic.PublisherOptions[[]byte]{Depth: m.Depth, InitialSampleSize: m.Size}
		pub, err := topic.NewPublisher(ctx, w.Participant, memoryTopic(i), &opts)
		if err != nil {
			return err
		}
		if err := pub.WaitSubscribers(ctx, m.Subscribers); err != nil {
			return err
		}
		_, err = pub.Publish(ctx, payload)
		return err
	})
}

func subscribeMemory(ctx context.Context, w *harness.Worker[Memory]) (any, error) {
	return nil, addTopics(ctx, w, func(i int) error {
		// The sample may be older than the subscription. Without history the subscriber could wait for it forever.
		sub, err := topic.NewSubscriber(ctx, w.Participant, memoryTopic(i), &topic.SubscriberOptions[[]byte]{History: 1})
		if err != nil {
			return err
		}
		s, err := sub.Receive(ctx)
		s.Release()
		return err
	})
}

// memoryIdleTime is the time for which a process is idle before its size is read.
const memoryIdleTime = 200 * time.Millisecond

// addTopics adds topics at each step and then replies with the size of the process.
func addTopics(ctx context.Context, w *harness.Worker[Memory], add func(i int) error) error {
	if err := w.Ready(); err != nil {
		return err
	}
	for topics := 0; ; {
		var step memoryStep
		select {
		case line := <-w.Messages():
			if err := json.Unmarshal(line, &step); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
		for ; topics < step.Topics; topics++ {
			if err := add(topics); err != nil {
				return err
			}
		}
		time.Sleep(memoryIdleTime)
		var p ProcessSize
		var err error
		if p.Threads, p.RSS, err = measure.ProcessSize(); err != nil {
			return err
		}
		if err := w.Reply(p); err != nil {
			return err
		}
	}
}
