package command

import (
	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/floor"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

func (a *app) floor() *cobra.Command {
	var e extent
	var hz float64
	var receiver string
	cmd := &cobra.Command{
		Use:   "floor spin|futex|memcpy",
		Short: "Measure what the machine does without a bus",
		Long: `floor measures what the machine does without a bus, with processes like those of the other commands:

  spin    one process changes a word, the other looks at it all the time; the stamp is in the same cache line
  futex   the same, and the other sleeps on the word and is woken --rate times per second
  memcpy  one process copies --size bytes into shared memory, again and again`,
		Example: "  shmperf floor spin\n  shmperf floor futex --rate 1000 --json\n  shmperf floor memcpy --size 1048576",
		Args:    cli.Args("the kind of floor"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.floorOptions(cmd, args[0], &e, hz)
			if err != nil {
				return err
			}
			if o.Program = receiver; receiver != "" && o.Kind == floor.Memcpy {
				return cli.Usagef(cmd, "memcpy has no --receiver")
			}
			r, err := floor.Run(cmd.Context(), a.dir(), o)
			if err != nil {
				return ended(cmd.Context(), err)
			}
			return a.print(floorFigures(o, r))
		},
	}
	e.flags(cmd, 64, "200000; futex: two seconds' worth; memcpy: 4 GiB of payload, but no more than 5000000")
	cmd.Flags().Float64Var(&hz, "rate", 0, "wake-ups per second (default: the next when the last has arrived; futex 2000)")
	cmd.Flags().StringVar(&receiver, "receiver", "", "a program that plays the receiver, in whatever language (bench has one in C)")
	return cmd
}

func (a *app) floorOptions(cmd *cobra.Command, kind string, e *extent, hz float64) (floor.Options, error) {
	if err := a.check(cmd); err != nil {
		return floor.Options{}, err
	}
	count := uint64(latencyCount)
	switch kind {
	case floor.Spin:
	case floor.Futex:
		if hz == 0 {
			hz = latencyRate
		}
	case floor.Memcpy:
		count = min(streamCount, streamBytes/uint64(max(1, e.size)))
		if hz != 0 {
			return floor.Options{}, cli.Usagef(cmd, "memcpy has no --rate")
		}
	default:
		return floor.Options{}, cli.Usagef(cmd, "there is no floor %q; there are spin, futex, memcpy", kind)
	}
	if err := checkRate(cmd, hz); err != nil {
		return floor.Options{}, err
	}
	if hz > 0 {
		count = min(count, max(1, uint64(hz*pacedSeconds)))
	}
	if err := e.complete(cmd, count, maxDuration); err != nil {
		return floor.Options{}, err
	}
	o := floor.Options{Kind: kind, Size: e.size, Ring: ringOf(e.size), Count: e.count, Duration: e.duration, Rate: hz, Warm: e.warm(100, 10_000)}
	if hz > 0 {
		o.Warm = e.warm(10, max(10, uint64(hz/10)))
	}
	return o, nil
}

func floorFigures(o floor.Options, r workload.LinkResult) report.Figures {
	used, n := r.Sent.Usage.Plus(r.Received.Usage), float64(r.Received.Count)
	perSecond := n / r.Seconds()
	f := report.Figures{
		Workload: "floor", Count: r.Received.Count, Lost: r.Received.Lost, Delays: r.Received.Delays, MessagesPerS: perSecond,
		AllocsPerMsg: float64(used.Allocs) / n, CPU: used.CPU,
		More: []report.Field{{Key: "floor", Value: o.Kind}, {Key: "rate_per_s", Value: knownUnless0(o.Rate)},
			{Key: "receiver_cpu_ns_per_msg", Value: receiverCPU([]workload.LinkResult{r})}},
	}
	switch o.Kind {
	case floor.Spin:
		f.Wait = workload.WaitPoll
	case floor.Futex:
		f.Wait = workload.WaitBlock
	case floor.Memcpy:
		f.Size, f.BytesPerS = o.Size, perSecond*float64(o.Size)
	}
	return f
}
