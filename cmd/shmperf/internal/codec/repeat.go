package codec

import (
	"context"
	"runtime"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/clock"
)

// every is how many values go one way between two looks at the clock.
const every = 16

// repeat goes one way again and again. What the ways before left on the heap is collected first, so that it is not their garbage
// that slows this one.
func repeat(ctx context.Context, o Order, way func() error) (Way, error) {
	runtime.GC()
	before, err := usage.Now()
	if err != nil {
		return Way{}, err
	}
	c, n := clock.New(), uint64(0)
	began := c.Now()
	for last := false; !last; {
		if err := way(); err != nil {
			return Way{}, err
		}
		n++
		look := n%every == 0
		if look && ctx.Err() != nil {
			return Way{}, ctx.Err()
		}
		last = o.Count > 0 && n == o.Count || look && o.Duration > 0 && time.Duration(c.Now()-began) >= o.Duration
	}
	nanos := c.Now() - began
	after, err := usage.Now()
	return Way{Count: n, Nanos: nanos, Allocs: after.Since(before).Allocs}, err
}
