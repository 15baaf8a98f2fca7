package record

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// LockStep makes a replay hold after each message until the consumer is done with it, so that a test has the same result at any rate.
type LockStep struct {
	// Answer is the topic, or a pattern of topics, on which the consumer publishes when it is done with a message. "" = a message is done
	// when all its subscriptions have taken it, which may be before they have processed it.
	Answer string
	// Topics are the topics, by their names in the recording, whose messages are waited for; nil = all with a subscription.
	Topics *regexp.Regexp
	// Timeout is the longest wait for one message; the default is 10 s.
	Timeout time.Duration
}

// defaultLockStepTimeout is the default of LockStep.Timeout.
const defaultLockStepTimeout = 10 * time.Second

// A lockStep waits for a consumer. A nil one does not wait.
type lockStep struct {
	LockStep
	answers *topic.Subscriber[[]byte] // nil: wait until messages are taken
}

func newLockStep(ctx context.Context, p *topic.Participant, o *LockStep) (*lockStep, error) {
	if o == nil {
		return nil, nil
	}
	l := &lockStep{LockStep: *o}
	if l.Timeout == 0 {
		l.Timeout = defaultLockStepTimeout
	}
	if l.Answer == "" {
		return l, nil
	}
	var err error
	l.answers, err = topic.NewSubscriber(ctx, p, l.Answer, &topic.SubscriberOptions[[]byte]{Lossless: true})
	return l, err
}

func (l *lockStep) close() {
	if l != nil && l.answers != nil {
		l.answers.Close()
	}
}

// await waits until the consumer is done with the last message of a publisher.
func (l *lockStep) await(ctx context.Context, p *replayPublisher) error {
	if l == nil || l.Topics != nil && !l.Topics.MatchString(p.stream.topic.recorded) || p.Subscribers() == 0 {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	if l.answers == nil {
		if err := p.WaitTaken(within); err != nil {
			return l.explain(ctx, err, "no subscription has taken it")
		}
		return nil
	}
	s, err := l.answers.Receive(within)
	if err != nil {
		return l.explain(ctx, err, fmt.Sprintf("no answer came on %s", l.Answer))
	}
	s.Release()
	return nil
}

func (l *lockStep) explain(ctx context.Context, err error, what string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("lock-step: %s within %v: %w", what, l.Timeout, err)
}

// awaitTaken waits until the subscriptions of all publishers have taken everything.
func (pl *player) awaitTaken(ctx context.Context) error {
	for _, st := range pl.set.streams {
		for _, p := range st.publishers {
			if err := p.WaitTaken(ctx); err != nil {
				return fmt.Errorf("wait for the subscriptions of %s: %w", st.topic.played, err)
			}
		}
	}
	return nil
}
