package command

import (
	"math/bits"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/floor"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
)

// Defaults of stream.
const (
	streamCount = 5_000_000
	streamBytes = 4 << 30 // of all messages together
	ringBytes   = 8 << 20 // of the samples that the publisher keeps
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
	var o pair.Order
	cmd := &cobra.Command{
		Use:   "stream",
		Short: "Count messages from one process to another",
		Long: `stream publishes as fast as it goes and counts what arrives: messages and bytes per second, from before the first message
is published until the last one is read.

With --policy lossless the publisher waits where the receiver falls behind; with keep-last it does not, and what the
receiver never saw is counted as lost.`,
		Example: "  shmperf stream --size 64 --json\n  shmperf stream --size 1048576 --loan\n  shmperf stream --policy keep-last --duration 2s",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.streamOrder(cmd, &e, &o, touch, policy); err != nil {
				return err
			}
			rs, fs, err := a.rounds(cmd.Context(), o, streamFloor(o, withFloor))
			if err != nil {
				return ended(cmd.Context(), err)
			}
			f := streamFigures(o, rs, fs)
			f.More = append([]report.Field{{Key: "policy", Value: policy}}, f.More...)
			if err := a.calls(cmd.Context(), o, withCalls, &f); err != nil {
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
	f.StringVar(&o.Wait, "wait", pair.Poll, waitUsage)
	f.StringVar(&policy, "policy", lossless, "lossless or keep-last")
	f.IntVar(&o.Depth, "depth", 0, "samples that the publisher keeps (default 8 MiB of payload, but 8 to 256 samples)")
	payloadFlags(cmd, &o, &touch)
	callsFlag(cmd, &withCalls)
	floorFlag(cmd, &withFloor, "memcpy of as many bytes")
	return cmd
}

// ringOf is how many samples of a size a stream keeps by default.
func ringOf(size int) int { return 1 << (bits.Len(uint(min(max(ringBytes/size, 8), 256))) - 1) }

func (a *app) streamOrder(cmd *cobra.Command, e *extent, o *pair.Order, touch, policy string) error {
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
	if err := e.settle(cmd, min(streamCount, streamBytes/uint64(max(1, e.size))), enough); err != nil {
		return err
	}
	if o.Depth == 0 {
		o.Depth = ringOf(e.size)
	}
	if err := checkDepth(cmd, o.Depth); err != nil {
		return err
	}
	o.Size, o.Count, o.Duration = e.size, e.count, e.duration
	o.Lossless, o.TouchOne = policy == lossless, touch == "one"
	o.Warm = e.warm(10, max(10, min(100_000, (64<<20)/uint64(e.size))))
	return nil
}

// streamFloor is one process copying the same payloads into as much shared memory.
func streamFloor(o pair.Order, wanted bool) *floor.Order {
	if !wanted {
		return nil
	}
	return &floor.Order{Kind: floor.Memcpy, Size: o.Size, Ring: o.Depth, Count: o.Count, Warm: o.Warm, Duration: o.Duration}
}

func streamFigures(o pair.Order, rs, floors []pair.Result) report.Figures {
	f := pairFigures(o, rs)
	f.Workload = "stream"
	var kind, under, bytes, times any
	if len(floors) > 0 {
		perSecond := medianRate(floors)
		kind, under, bytes = floor.Memcpy, perSecond, perSecond*float64(o.Size)
		times = ratio(f.MessagesPerS, under)
	}
	f.More = append([]report.Field{
		{Key: "rounds", Value: len(rs)}, {Key: "floor", Value: kind},
		{Key: "floor_msgs_per_s", Value: under}, {Key: "floor_bytes_per_s", Value: bytes}, {Key: "ratio_msgs", Value: times},
	}, f.More...)
	return f
}
