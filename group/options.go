package group

import (
	"cmp"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/serde"
)

// Options select how a member receives. The zero value suits most members. Members of one group may have different options.
type Options[T any] struct {
	Codec serde.Codec[T] // of the topic; default serde.Default[T]()

	// MaxOutstanding is the number of deliveries of this member that may be neither acknowledged nor returned; default 1. Receive
	// waits while there are so many.
	MaxOutstanding int

	// MaxPending is the number of samples, of all publishers, that this member keeps because they are not acknowledged yet; default 256,
	// at most 960. They stay in place in their publishers' memory. With so many it takes no more, and publishers wait.
	MaxPending int

	// MaxPendingBytes is their size in bytes from which on this member takes no more; default 64 MiB.
	MaxPendingBytes int64

	// LosslessTimeout is how long a publish waits for this member while its process is stopped; default 10 s. Then this member loses samples,
	// which Stats counts. Other members still deliver these. A member that runs and has no room is waited for without a limit.
	LosslessTimeout time.Duration
}

const (
	defMaxPending      = 256
	defMaxPendingBytes = 64 << 20
)

// checked returns the options with their defaults.
func (o *Options[T]) checked() (Options[T], error) {
	var c Options[T]
	if o != nil {
		c = *o
	}
	if c.MaxOutstanding == 0 {
		c.MaxOutstanding = 1
	}
	if c.MaxPending == 0 {
		c.MaxPending = max(defMaxPending, min(c.MaxOutstanding, maxClaims))
	}
	c.MaxPendingBytes = cmp.Or(c.MaxPendingBytes, defMaxPendingBytes)
	switch {
	case c.MaxPendingBytes < 1:
		return c, fmt.Errorf("MaxPendingBytes is %d, must be positive", c.MaxPendingBytes)
	case c.MaxPending < 1 || c.MaxPending > maxClaims:
		return c, fmt.Errorf("MaxPending is %d, must be from 1 to %d", c.MaxPending, maxClaims)
	case c.MaxOutstanding < 1 || c.MaxOutstanding > c.MaxPending:
		return c, fmt.Errorf("MaxOutstanding is %d, must be from 1 to MaxPending, which is %d", c.MaxOutstanding, c.MaxPending)
	case c.LosslessTimeout < 0:
		return c, fmt.Errorf("LosslessTimeout is %v, must not be negative", c.LosslessTimeout)
	}
	return c, nil
}
