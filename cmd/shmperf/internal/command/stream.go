package command

import (
	"context"
	"math/bits"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/floor"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

// Defaults of stream.
const (
	streamCount = 5_000_000
	streamBytes = 4 << 30 // of all messages
	ringBytes   = 4 << 20 // of the samples that the publisher keeps
)

// The policies.
const (
	lossless = "lossless"
	keepLast = "keep-last"
)

func (a *app) stream() *cobra.Command {
	var e extent
	var touch, policy string
	var withFloor, withCalls bool
	var o workload.Link
	cmd := &cobra.Command{
		Use:   "stream",
		Short: "Count messages from one process to another",
		Long: `stream publishes as fast as it goes and counts what arrives: messages and bytes per second, from before the first message
is published until the last one is read.

With --policy lossless the publisher waits where the receiver falls behind; with keep-last it does not, and what the
receiver never saw is counted as lost.

With --batch the sender publishes so many messages with one PublishBatch, and the receiver takes up to so many with one
ReceiveBatch, which waits as Receive does: --wait is then spin or block.`,
		Example: `  shmperf stream --size 64 --json
  shmperf stream --batch 32
  shmperf stream --size 1048576 --loan
  shmperf stream --policy keep-last --duration 2s`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.streamOptions(cmd, &e, &o, touch, policy); err != nil {
				return err
			}
			rs, fs, err := a.streamRounds(cmd.Context(), o, withFloor)
			if err != nil {
				return ended(cmd.Context(), err)
			}
			f := streamFigures(o, rs, fs)
			f.More = append([]report.Field{{Key: "policy", Value: policy}}, f.More...)
			if err := a.linkCalls(cmd.Context(), o, withCalls, &f); err != nil {
				return ended(cmd.Context(), err)
			}
			if err := a.print(f); err != nil || !o.Lossless {
				return err
			}
			return lostUnduly(lostOf(rs))
		},
	}
	e.flags(cmd, 64, "5000000, but no more than 4 GiB of payload")
	f := cmd.Flags()
	f.StringVar(&o.Wait, "wait", workload.WaitPoll, waitUsage+"; with --batch spin unless you say block")
	f.StringVar(&policy, "policy", lossless, "lossless or keep-last")
	f.IntVar(&o.Depth, "depth", 0, "samples that the publisher keeps (default 4 MiB of payload, but 4 to 256 samples, and a batch)")
	f.IntVar(&o.Batch, "batch", 0, "publish and receive so many messages at once, 1 to 256 (default: each by itself)")
	payloadFlags(cmd, &o, &touch)
	callsFlag(cmd, &withCalls)
	floorFlag(cmd, &withFloor, "memcpy of as many bytes")
	return cmd
}

// streamRounds measures a stream and, with --floor, the floor.
func (a *app) streamRounds(ctx context.Context, o workload.Link, withFloor bool) (rs, floors []workload.LinkResult, err error) {
	var under *floor.Options
	if withFloor {
		o.Count, o.Duration = share(o.Count), share(o.Duration)
		under = copyFloor(o.Size, o.Depth, o.Count, o.Warm, o.Duration)
	}
	err = inTurns(roundsOf(withFloor), a.floors(ctx, under, &floors), a.links(ctx, &o, &rs))
	return rs, floors, err
}

// ringOf is the number of samples of a size that a stream keeps by default.
func ringOf(size int) int { return 1 << (bits.Len(uint(min(max(ringBytes/size, 4), 256))) - 1) }

func (a *app) streamOptions(cmd *cobra.Command, e *extent, o *workload.Link, touch, policy string) error {
	if err := a.check(cmd); err != nil {
		return err
	}
	if err := checkWait(cmd, o.Wait); err != nil {
		return err
	}
	if err := oneOf(cmd, "policy", policy, lossless, keepLast); err != nil {
		return err
	}
	if err := oneOf(cmd, "touch", touch, "all", "one"); err != nil {
		return err
	}
	if err := e.complete(cmd, min(streamCount, streamBytes/uint64(max(1, e.size))), maxDuration); err != nil {
		return err
	}
	if err := checkBatch(cmd, o); err != nil {
		return err
	}
	if !cmd.Flags().Changed("depth") {
		o.Depth = max(ringOf(e.size), powerOfTwo(max(o.Batch, 1)))
	}
	if err := checkDepth(cmd, o.Depth); err != nil {
		return err
	}
	if o.Batch > o.Depth {
		return cli.Usagef(cmd, "--batch %d is more than the publisher keeps: --depth %d", o.Batch, o.Depth)
	}
	o.Size, o.Count, o.Duration = e.size, e.count, e.duration
	o.Lossless, o.TouchOne = policy == lossless, touch == "one"
	o.Warm = e.warm(10, max(10, min(100_000, (64<<20)/uint64(e.size))))
	return nil
}

// checkBatch refuses flags that --batch excludes.
func checkBatch(cmd *cobra.Command, o *workload.Link) error {
	const most = 256 // samples that a subscriber may hold at once by default
	given := cmd.Flags().Changed
	switch {
	case !given("batch"):
		return nil
	case o.Batch < 1 || o.Batch > most:
		return cli.Usagef(cmd, "--batch %d is not between 1 and %d", o.Batch, most)
	case o.Loan:
		return cli.Usagef(cmd, "--loan and --batch: choose one; a batch is copied, a loan is one message")
	case given("wait") && o.Wait == workload.WaitPoll:
		return cli.Usagef(cmd, "--wait poll and --batch: ReceiveBatch waits as Receive does; choose spin or block")
	case !given("wait"):
		o.Wait = workload.WaitSpin
	}
	return nil
}

// copyFloor is one process that copies the same payloads into a ring of the same size.
func copyFloor(size, ring int, count, warm uint64, duration time.Duration) *floor.Options {
	return &floor.Options{Kind: floor.Memcpy, Size: size, Ring: ring, Count: count, Warm: warm, Duration: duration}
}

func streamFigures(o workload.Link, rs, floors []workload.LinkResult) report.Figures {
	f := linkFigures(o, rs)
	f.Workload = "stream"
	more := append([]report.Field{{Key: "rounds", Value: len(rs)}}, copyFields(o.Size, medianRate(rs), floors)...)
	f.More = append(more, f.More...)
	return f
}

// copyFields compares messages per second with copies per second, if the floor was measured.
func copyFields(size int, perSecond float64, floors []workload.LinkResult) []report.Field {
	var kind, under, bytes, times any
	if len(floors) > 0 {
		copies := medianRate(floors)
		kind, under, bytes, times = floor.Memcpy, copies, copies*float64(size), ratio(perSecond, copies)
	}
	return []report.Field{
		{Key: "floor", Value: kind}, {Key: "floor_msgs_per_s", Value: under}, {Key: "floor_bytes_per_s", Value: bytes},
		{Key: "ratio_msgs", Value: times},
	}
}
