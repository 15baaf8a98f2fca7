package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

// Rounds and messages of codec.
const (
	codecRounds = 15
	codecCount  = 300_000 // of each value, encoding and way, over all rounds
)

// allOf is the value of a flag that selects everything.
const allOf = "all"

// A codecRun is a measurement and its results by value and encoding.
type codecRun struct {
	value, encoding string
	extent          extent
	found           map[combination]workload.CodecResult
}

type combination struct{ value, encoding string }

func (c combination) key(figure string) string { return c.value + "_" + c.encoding + "_" + figure }

// combinations are all values and encodings, in the order in which they are printed.
func combinations() (all []combination) {
	for _, value := range []string{workload.SmallValue, workload.LargeValue} {
		for _, encoding := range []string{workload.CBOR, workload.MsgPack} {
			all = append(all, combination{value, encoding})
		}
	}
	return all
}

// selected are the combinations that the flags select.
func (c *codecRun) selected() (all []combination) {
	for _, one := range combinations() {
		if (c.value == allOf || c.value == one.value) && (c.encoding == allOf || c.encoding == one.encoding) {
			all = append(all, one)
		}
	}
	return all
}

func (a *app) codec() *cobra.Command {
	c := codecRun{found: map[combination]workload.CodecResult{}}
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
	f.StringVar(&c.value, "value", allOf, "imu, objects, or all")
	f.StringVar(&c.encoding, "encoding", allOf, "cbor, msgpack, or all")
	return cmd
}

func (a *app) codecCheck(cmd *cobra.Command, c *codecRun) error {
	if err := a.check(cmd); err != nil {
		return err
	}
	if err := oneOf(cmd, "value", c.value, allOf, workload.SmallValue, workload.LargeValue); err != nil {
		return err
	}
	if err := oneOf(cmd, "encoding", c.encoding, allOf, workload.CBOR, workload.MsgPack); err != nil {
		return err
	}
	return c.extent.complete(cmd, codecCount, maxDuration)
}

// ways is the number of ways that are measured.
const ways = 3

func (a *app) codecRounds(ctx context.Context, c *codecRun) error {
	all := c.selected()
	o := workload.Codec{Rounds: codecRounds}
	if c.extent.count > 0 {
		o.Count = max(1, c.extent.count/codecRounds)
	}
	if c.extent.duration > 0 {
		o.Duration = max(1, c.extent.duration/(codecRounds*ways)/time.Duration(len(all)))
	}
	for _, one := range all {
		o.Value, o.Encoding = one.value, one.encoding
		r, err := o.Run(ctx, a.dir())
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

// codecFields are the figures of a value and an encoding, unknown if they were not measured.
func codecFields(c combination, r *workload.CodecResult) []report.Field {
	var size, bus, serde, alone, busAllocs, serdeAllocs, aloneAllocs any
	if r != nil {
		nanos := func(way func(workload.CodecRound) workload.CodecWay) any {
			return medianOf(r.Rounds, func(x workload.CodecRound) float64 { return float64(way(x).Nanos) / float64(way(x).Count) })
		}
		allocs := func(way func(workload.CodecRound) workload.CodecWay) any {
			return medianOf(r.Rounds, func(x workload.CodecRound) float64 { return float64(way(x).Allocs) / float64(way(x).Count) })
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

func busOf(r workload.CodecRound) workload.CodecWay   { return r.Bus }
func serdeOf(r workload.CodecRound) workload.CodecWay { return r.Serde }
func aloneOf(r workload.CodecRound) workload.CodecWay { return r.Alone }
