package metrics

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// An outlet is one topic to publish on. Its methods are for one goroutine at a time.
type outlet[T any] struct {
	name  string
	codec serde.Codec[T]
	pub   *topic.Publisher[T]
	sent  sent
}

// sent is the truth about what was published, counted where it happens.
type sent struct {
	messages    uint64
	first, last time.Time
}

// channel is an outlet of any type.
type channel interface {
	topic() string
	encoding() string
	open(ctx context.Context, p *topic.Participant, rate float64) error
	waitSubscribers(ctx context.Context, n int) error
	close() error
	report() TopicReport
}

func newOutlet[T any](codec serde.Codec[T], segments ...string) *outlet[T] {
	return &outlet[T]{name: strings.Join(segments, "/"), codec: codec}
}

func (o *outlet[T]) topic() string    { return o.name }
func (o *outlet[T]) encoding() string { return o.codec.Type().Encoding }

// open keeps half a second of samples in the ring, so that a subscriber that is held up for that long loses nothing. What is
// published rarely is latched: a late subscription need not wait for it.
func (o *outlet[T]) open(ctx context.Context, p *topic.Participant, rate float64) (err error) {
	const least, most = 16, 1024
	depth := 1 << bits.Len(uint(min(max(rate/2, least), most))-1)
	o.pub, err = topic.NewPublisher(ctx, p, o.name, &topic.PublisherOptions[T]{Codec: o.codec, Depth: depth, Latched: rate <= 1})
	return err
}

func (o *outlet[T]) publish(ctx context.Context, v T) error {
	if _, err := o.pub.Publish(ctx, v); err != nil {
		return fmt.Errorf("publish on %s: %w", o.name, err)
	}
	now := time.Now()
	if o.sent.messages == 0 {
		o.sent.first = now
	}
	o.sent.messages++
	o.sent.last = now
	return nil
}

func (o *outlet[T]) waitSubscribers(ctx context.Context, n int) error {
	if err := o.pub.WaitSubscribers(ctx, n); err != nil {
		return fmt.Errorf("wait for %d subscribers of %s: %w", n, o.name, err)
	}
	return nil
}

func (o *outlet[T]) close() error {
	if o.pub == nil {
		return nil
	}
	return o.pub.Close()
}

func (o *outlet[T]) report() TopicReport {
	r := TopicReport{Topic: o.name, Encoding: o.encoding(), Messages: o.sent.messages}
	if span := o.sent.last.Sub(o.sent.first); span > 0 {
		r.Rate = float64(o.sent.messages-1) / span.Seconds()
	}
	return r
}

// closeAll closes every channel, also when some cannot be closed.
func closeAll(channels []channel) error {
	var errs []error
	for _, c := range channels {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// segment turns the name of a device into one segment of a topic name. Names are the kernel's or an administrator's choice
// and may hold what topic names may not.
func segment(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '*' || r == '?' || r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '_'
		}
		return r
	}, name)
}
