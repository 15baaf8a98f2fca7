package command

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
)

// extent is how much to measure.
type extent struct {
	size     int
	count    uint64
	duration time.Duration
}

const (
	maxSize  = 256 << 20 // the default limit of a publisher
	maxCount = 1 << 40
)

// flags adds the flags, without one for the size where that is 0.
func (e *extent) flags(cmd *cobra.Command, size int, sized string) {
	f := cmd.Flags()
	if size > 0 {
		f.IntVar(&e.size, "size", size, "bytes of a payload")
	}
	f.Uint64Var(&e.count, "count", 0, "measure this many (default "+sized+", but no more than 3 seconds; or as many as --duration allows)")
	f.DurationVar(&e.duration, "duration", 0, "end after this long, for example 5s")
}

// enough ends what neither --count nor --duration limits, on a machine that is too busy for the default count.
const enough = 3 * time.Second

// settle checks the flags and puts in the defaults where neither flag limits the measurement.
func (e *extent) settle(cmd *cobra.Command, count uint64, duration time.Duration) error {
	switch {
	case cmd.Flags().Lookup("size") != nil && (e.size < 1 || e.size > maxSize):
		return cli.Usagef(cmd, "--size %d is not between 1 and %d", e.size, maxSize)
	case e.duration < 0 || e.duration > time.Hour:
		return cli.Usagef(cmd, "--duration %v is not between 0 and 1h", e.duration)
	case e.count > maxCount:
		return cli.Usagef(cmd, "--count %d is more than %d", e.count, uint64(maxCount))
	}
	if e.count == 0 && e.duration == 0 {
		e.count, e.duration = count, duration
	}
	return nil
}

// warm is how many messages come before those that count: a tenth, within bounds.
func (e *extent) warm(least, most uint64) uint64 {
	if e.count == 0 {
		return most
	}
	return min(max(e.count/10, least), most)
}

func oneOf(cmd *cobra.Command, flag, value string, allowed ...string) error {
	if !slices.Contains(allowed, value) {
		return cli.Usagef(cmd, "--%s %q is none of %s", flag, value, strings.Join(allowed, ", "))
	}
	return nil
}

const waitUsage = "how the receiver waits: poll (TryReceive in a loop), spin (Receive that never sleeps), block (Receive that sleeps at once)"

func checkWait(cmd *cobra.Command, wait string, more ...string) error {
	return oneOf(cmd, "wait", wait, append([]string{pair.Poll, pair.Spin, pair.Block}, more...)...)
}

func checkRate(cmd *cobra.Command, rate float64) error {
	if math.IsNaN(rate) || rate < 0 || rate > 1e6 {
		return cli.Usagef(cmd, "--rate %v is not between 0 and 1000000", rate)
	}
	return nil
}

const maxDepth = 1 << 20

func checkDepth(cmd *cobra.Command, depth int) error {
	if depth < 1 || depth > maxDepth || bits.OnesCount(uint(depth)) != 1 {
		return cli.Usagef(cmd, "--depth %d is not a power of two between 1 and %d", depth, maxDepth)
	}
	return nil
}

// usualDepth is how many samples a publisher keeps where nothing else is said.
const usualDepth = 16

// pacedDepth is how many samples a publisher that does not wait for its receiver keeps, so that a receiver which has no
// processor for a quarter of a second loses none: messages of that time, but no more than 64 MiB of payload.
func pacedDepth(rate float64, size int) int {
	const late, most = 0.25, 64 << 20 // seconds, bytes
	return powerOfTwo(max(usualDepth, min(int(rate*late), most/size)))
}

// powerOfTwo is the first that is not less than n.
func powerOfTwo(n int) int { return 1 << bits.Len(uint(n-1)) }

// lostUnduly says that messages are missing that nobody allowed to be.
func lostUnduly(n uint64) error {
	if n == 0 {
		return nil
	}
	return cli.Lossyf("%d messages were lost: the receiver fell behind", n)
}

// account checks that every message is accounted for.
func account(sent, got, lost uint64) error {
	if sent != got+lost {
		return fmt.Errorf("%d messages were sent, %d received and %d lost: that does not add up", sent, got, lost)
	}
	return nil
}
