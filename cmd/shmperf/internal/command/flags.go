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
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

// extent is the size, count and duration of a measurement.
type extent struct {
	size     int
	count    uint64
	duration time.Duration
}

const (
	maxSize  = 256 << 20 // the default limit of a publisher
	maxCount = 1 << 40
)

// flags adds the flags. For a size of 0 it adds no flag for the size.
func (e *extent) flags(cmd *cobra.Command, size int, sized string) {
	f := cmd.Flags()
	if size > 0 {
		f.IntVar(&e.size, "size", size, "bytes of a payload")
	}
	f.Uint64Var(&e.count, "count", 0, "measure this many (default "+sized+", but no more than 3 seconds; or as many as --duration allows)")
	f.DurationVar(&e.duration, "duration", 0, "end after this long, for example 5s")
}

// maxDuration ends a measurement without --count and --duration on a machine that is too busy for the default count.
const maxDuration = 3 * time.Second

// complete checks the flags and sets the defaults if neither flag limits the measurement.
func (e *extent) complete(cmd *cobra.Command, count uint64, duration time.Duration) error {
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

// warm is the number of messages of the warm-up: a tenth of the count, within bounds.
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
	return oneOf(cmd, "wait", wait, append([]string{workload.WaitPoll, workload.WaitSpin, workload.WaitBlock}, more...)...)
}

// sleeps reports whether a receiver that waits in that way sleeps when no message comes.
func sleeps(wait string) bool { return wait == workload.WaitBlock || wait == workload.WaitDefault }

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

// defaultDepth is the number of samples that a publisher keeps by default.
const defaultDepth = 16

// pacedDepth is the number of samples that a publisher keeps if it does not wait for its receiver. A receiver without a processor for a
// quarter of a second then loses no message, unless the messages of that time are more than 64 MiB of payload.
func pacedDepth(rate float64, size int) int {
	const late, most = 0.25, 64 << 20 // seconds, bytes
	return powerOfTwo(max(defaultDepth, min(int(rate*late), most/size)))
}

// powerOfTwo is the smallest power of two that is at least n.
func powerOfTwo(n int) int { return 1 << bits.Len(uint(n-1)) }

// lostUnduly returns an error for messages that were lost without permission.
func lostUnduly(n uint64) error {
	if n == 0 {
		return nil
	}
	return cli.Lossyf("%d messages were lost: the receiver fell behind", n)
}

// account checks that every message was received or lost.
func account(sent, got, lost uint64) error {
	if sent != got+lost {
		return fmt.Errorf("%d messages were sent, %d received and %d lost: that does not add up", sent, got, lost)
	}
	return nil
}
