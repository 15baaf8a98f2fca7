package record

import (
	"context"
	"regexp"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// PlayOptions: the zero value plays the whole file once, as fast as it was recorded.
type PlayOptions struct {
	Rate   float64        // speed; 0 = 1 = as recorded, 2 = twice as fast
	Max    bool           // as fast as possible; Rate is ignored
	Loop   bool           // again and again until the context ends
	Topics *regexp.Regexp // play topics that match; nil = all
	// WaitSubscribers is how many subscriptions every topic must have before the first message; 0 = do not wait.
	WaitSubscribers int
	WaitTimeout     time.Duration // gives up waiting for them; 0 = when the context ends
	// Progress is called about once a second, from the player's goroutine; it must not block.
	Progress func(Progress)
}

// Play publishes the messages of an MCAP file, from any tool, in p's domain: by log time, equal times in file order. Every
// channel becomes a publisher of its own with the recorded type; all of them exist before the first message.
//
// The schedule is absolute: a message that is late is published at once, never dropped, and does not delay those after
// it. Where a lossless subscription is behind, Play waits for it. When ctx ends, Play stops and returns ctx's error.
func Play(ctx context.Context, p *topic.Participant, path string, opts *PlayOptions) (Summary, error) {
	panic("stub")
}
