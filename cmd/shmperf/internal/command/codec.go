package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/codec"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
)

// Rounds and messages of codec.
const (
	codecRounds = 15
	codecCount  = 300_000 // of each value, encoding and way, over all rounds
)

// everything is the flag's value that leaves nothing out.
const everything = "all"

// A codecRun is what to measure, and what was found for each pair of a value and an encoding.
type codecRun struct {
	value, encoding string
	extent          extent
	found           map[combination]codec.Result
}

type combination struct{ value, encoding string }

func (c combination) key(figure string) string { return c.value + "_" + c.encoding + "_" + figure }

// combinations are all that can be measured, in the order in which they are printed.
func combinations() (all []combination) {
	for _, value := range []string{codec.Small, codec.Large} {
		for _, encoding := range []string{codec.CBOR, codec.MsgPack} {
			all = append(all, combination{value, encoding})
		}
	}
	return all
}

// chosen are those that the flags ask for.
func (c *codecRun) chosen() (all []combination) {
	for _, one := range combinations() {
		if (c.value == everything || c.value == one.value) && (c.encoding == everything || c.encoding == one.encoding) {
			all = append(all, one)
		}
	}
	return all
}

func (a *app) codec() *cobra.Command {
	c := codecRun{found: map[combination]codec.Result{}}
	cmd := &cobra.Command{
		Use:   "codec",
		Short: "Measure what typed messages cost beside their serialization",
		Long: `codec brings a value from one place to another in one goroutine of one process, in three ways:

  alone  the library's own Marshal and Unmarshal: github.com/fxamacker/cbor/v2, github.com/vmihailenco/msgpack/v5
  serde  the encoder and the decoder that the bus uses, without the bus
  bus    Publish, TryReceive, Value, Release

They take turns, in 15 rounds. Keys begin with value and encoding: imu_cbor_bus_ns and imu_cbor_alone_ns are nanoseconds per
message, imu_cbor_ratio is how many times the second goes into the first, imu_cbor_bus_allocs_per_msg what is allocated. The value
imu has 10 fields, some of them structs; objects are 20 objects with strings, paths and labels.`,
		Example: "  shmperf codec\n  shmperf codec --value imu --encoding cbor --json",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.codecCheck(cmd, &c); err != nil {
				return err
			}
			if err := a.codecRounds(cmd.Context(), &c); err != nil {
				return ended(cmd.Context(), err)
			}
			return a.print(c.figures())
		},
	}
	c.extent.flags(cmd, 0, "300000 of each value and encoding in each way")
	f := cmd.Flags()
	f.StringVar(&c.value, "value", everything, "imu, objects, or all")
	f.StringVar(&c.encoding, "encoding", everything, "cbor, msgpack, or all")
	return cmd
}

func (a *app) codecCheck(cmd *cobra.Command, c *codecRun) error {
	if err := a.check(cmd); err != nil {
		return err
	}
	if err := oneOf(cmd, "value", c.value, everything, codec.Small, codec.Large); err != nil {
		return err
	}
	if err := oneOf(cmd, "encoding", c.encoding, everything, codec.CBOR, codec.MsgPack); err != nil {
		return err
	}
	return c.extent.settle(cmd, codecCount, enough)
}

// ways is how many ways a message goes.
const ways = 3

func (a *app) codecRounds(ctx context.Context, c *codecRun) error {
	all := c.chosen()
	o := codec.Order{Rounds: codecRounds}
	if c.extent.count > 0 {
		o.Count = max(1, c.extent.count/codecRounds)
	}
	if c.extent.duration > 0 {
		o.Duration = max(1, c.extent.duration/(codecRounds*ways)/time.Duration(len(all)))
	}
	for _, one := range all {
		o.Value, o.Encoding = one.value, one.encoding
		r, err := codec.Run(ctx, a.place(), o)
		if err != nil {
			return err
		}
		c.found[one] = r
	}
	return nil
}

func (c *codecRun) figures() report.Figures {
	f := report.Figures{Workload: "codec"}
	n, cpu := uint64(0), 0.0
	f.More = []report.Field{{Key: "rounds", Value: codecRounds}}
	for _, one := range combinations() {
		r, measured := c.found[one]
		if !measured {
			f.More = append(f.More, codecFields(one, nil)...)
			continue
		}
		for _, round := range r.Rounds {
			n += round.Bus.Count
		}
		cpu += r.Usage.CPU
		f.More = append(f.More, codecFields(one, &r)...)
	}
	f.Count, f.CPU = n, cpu
	return f
}

// codecFields are the figures of a value and an encoding, unknown where nothing was measured.
func codecFields(c combination, r *codec.Result) []report.Field {
	var size, bus, serde, alone, busAllocs, serdeAllocs, aloneAllocs any
	if r != nil {
		nanos := func(way func(codec.Round) codec.Way) any {
			return medianOf(r.Rounds, func(x codec.Round) float64 { return float64(way(x).Nanos) / float64(way(x).Count) })
		}
		allocs := func(way func(codec.Round) codec.Way) any {
			return medianOf(r.Rounds, func(x codec.Round) float64 { return float64(way(x).Allocs) / float64(way(x).Count) })
		}
		size = r.Bytes
		bus, busAllocs = nanos(busOf), allocs(busOf)
		serde, serdeAllocs = nanos(serdeOf), allocs(serdeOf)
		alone, aloneAllocs = nanos(aloneOf), allocs(aloneOf)
	}
	return []report.Field{
		{Key: c.key("size"), Value: size},
		{Key: c.key("bus_ns"), Value: bus}, {Key: c.key("alone_ns"), Value: alone}, {Key: c.key("ratio"), Value: ratio(bus, alone)},
		{Key: c.key("serde_ns"), Value: serde}, {Key: c.key("ratio_serde"), Value: ratio(bus, serde)},
		{Key: c.key("bus_allocs_per_msg"), Value: busAllocs}, {Key: c.key("alone_allocs_per_msg"), Value: aloneAllocs},
		{Key: c.key("serde_allocs_per_msg"), Value: serdeAllocs},
	}
}

func busOf(r codec.Round) codec.Way   { return r.Bus }
func serdeOf(r codec.Round) codec.Way { return r.Serde }
func aloneOf(r codec.Round) codec.Way { return r.Alone }
