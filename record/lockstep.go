package record

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// LockStep makes a replay hold after each message until the consumer is done with it, so that a test has the same result at any rate.
type LockStep struct {
	// Answer is the topic, or a pattern of topics, on which the consumer publishes when it is done with a message. What it published there
	// before the message is no answer to it; a further answer to a message that comes after the next one was published cannot be told from
	// an answer to that one, so that all answers must be declared in Answers. "" = a message is done when all its subscriptions have taken
	// it, which may be before they have processed it.
	Answer string
	// Answers is the number of messages on Answer with which the consumer is done with a message; the default is 1.
	Answers int
	// Topics are the topics, by their names in the recording, whose messages are waited for; nil = all. A topic without a subscription is not
	// waited for. It is an error that none has one at the first message, and that a topic has fewer than PlayOptions.WaitSubscribers waited
	// for, or none any more: the consumer is gone.
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
	begun   bool                      // the first message was published
}

func newLockStep(ctx context.Context, p *topic.Participant, o *LockStep) (*lockStep, error) {
	if o == nil {
		return nil, nil
	}
	l := &lockStep{LockStep: *o}
	l.Answers = max(l.Answers, 1)
	if l.Timeout == 0 {
		l.Timeout = defaultLockStepTimeout
	}
	if l.Answer == "" {
		return l, nil
	}
	var err error
	// Not lossless: a consumer that publishes more than its answers must not wait for the player.
	l.answers, err = topic.NewSubscriber[[]byte](ctx, p, l.Answer, nil)
	return l, err
}

func (l *lockStep) close() {
	if l != nil && l.answers != nil {
		l.answers.Close()
	}
}

// beginStep prepares the publishing of a message, and reports whether to wait for the consumer then. What is on the answer topic by now is no
// answer to the message. It returns an error if the consumer is not there, or no longer.
func (pl *player) beginStep(ctx context.Context, m *playMessage) (waits bool, err error) {
	l := pl.lockStep
	if l == nil || l.Topics != nil && !l.Topics.MatchString(m.Channel.Topic) {
		return false, nil
	}
	p, err := pl.publisherFor(ctx, m)
	if err != nil {
		return false, err
	}
	if n, err := pl.checkConsumer(p); err != nil || n == 0 {
		return false, err
	}
	if l.answers != nil {
		s, ok, err := l.answers.Latest() // skips older ones
		if err != nil {
			return false, err
		}
		if ok {
			s.Release()
		}
	}
	return true, nil
}

// endStep waits until the consumer is done with the last message of a publisher.
func (l *lockStep) endStep(ctx context.Context, p *replayPublisher) error {
	within, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	if l.answers == nil {
		if err := p.WaitTaken(within); err != nil {
			return l.explain(ctx, err, "no subscription has taken it")
		}
		return nil
	}
	for n := 0; n < l.Answers; {
		s, err := l.answers.Receive(within)
		if err != nil && n > 0 {
			return l.explain(ctx, err, fmt.Sprintf("only %d of %d answers came on %s", n, l.Answers, l.Answer))
		}
		if err != nil {
			return l.explain(ctx, err, "no answer came on "+l.Answer)
		}
		n += 1 + int(min(s.Lost(), math.MaxInt32))
		s.Release()
	}
	return nil
}

// checkConsumer returns the number of subscriptions of a publisher, or an error if the consumer is not there, or no longer.
func (pl *player) checkConsumer(p *replayPublisher) (n int, err error) {
	l, st := pl.lockStep, p.stream
	n = p.Subscribers()
	if !l.begun && n == 0 && !pl.hasSubscriptions() {
		return 0, errors.New("lock-step: no topic that is played has a subscription; start the consumer before, and wait for it with WaitSubscribers, or --wait-subscribers 1")
	}
	l.begun = true
	least := 0
	if st.stepped {
		least = 1
	}
	if w := pl.opts.WaitTopics; w == nil || w.MatchString(st.topic.recorded) {
		least = max(least, pl.opts.WaitSubscribers)
	}
	if n < least {
		return 0, fmt.Errorf("lock-step: the topic had at least %d subscriptions and has %d after %d messages: a consumer is gone; where that is right, leave the topic out with LockStep.Topics, or --lock-topics", least, n, pl.figures.messages.Load())
	}
	st.stepped = st.stepped || n > 0
	return n, nil
}

// hasSubscriptions reports whether a topic that is waited for has a subscription.
func (pl *player) hasSubscriptions() bool {
	for _, st := range pl.set.streams {
		if t := pl.lockStep.Topics; t != nil && !t.MatchString(st.topic.recorded) {
			continue
		}
		for _, p := range st.publishers {
			if p.Subscribers() > 0 {
				return true
			}
		}
	}
	return false
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
