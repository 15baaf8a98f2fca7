package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/floor"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

// Defaults of call.
const (
	callCount   = 100_000 // round trips
	callClients = 64      // at most
	smallCall   = 64      // bytes of the response of the call without a large one
)

// What the round trips of call are compared with.
const (
	againstLatency = "latency" // messages one way
	againstWrite   = "write"   // round trips with a small response, and the time of writing the large one
	againstUnstuck = "unstuck" // round trips of the same clients without the stuck one
)

func (a *app) call() *cobra.Command {
	var e extent
	var c callRun
	var touch string
	cmd := &cobra.Command{
		Use:   "call",
		Short: "Time calls of a service in another process",
		Long: `call times round trips: from before the request is published until every byte of the response is read in place. The server
returns the request, or with --response-size another payload, which it copies into shared memory.

Each of --clients is a process that makes its calls one after the other; of several, the percentiles are the medians of theirs.
With --stuck one of them opens all calls that it can and never receives a response; it makes no others, and is not measured.
Without --rate, where both sides sleep, all clients together make 2000 calls per second.

With --against something else is measured in turns with the calls, in 5 rounds, and the ratios of the medians are printed:

  latency  messages of --size bytes one way, with the same wait
  write    calls with a response of 64 bytes, plus the time of copying --response-size bytes into shared memory
  unstuck  the same calls without the stuck client

--floor compares with the floor there and back: twice its delay.`,
		Example: `  shmperf call --against latency
  shmperf call --wait block --floor --json
  shmperf call --response-size 1048576 --touch one --against write
  shmperf call --clients 8 --stuck --wait default --against unstuck`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.callOptions(cmd, &e, &c, touch); err != nil {
				return err
			}
			if err := a.callRounds(cmd.Context(), &c); err != nil {
				return ended(cmd.Context(), err)
			}
			return a.print(c.figures())
		},
	}
	e.flags(cmd, 64, "100000; with --rate two seconds' worth")
	f, o := cmd.Flags(), &c.options
	f.IntVar(&o.ResponseSize, "response-size", 0, "bytes of a response (default: the request)")
	f.StringVar(&o.Wait, "wait", workload.WaitPoll, "how both sides wait: poll (without sleeping), block (sleep at once), default (without options: poll, then sleep)")
	f.Float64Var(&o.Rate, "rate", 0, "calls per second of all clients (default: the next when the response has come; where both sides sleep 2000)")
	f.IntVar(&o.Clients, "clients", 1, "client processes")
	f.BoolVar(&o.Stuck, "stuck", false, "one of the clients never receives its responses")
	f.StringVar(&touch, "touch", "all", "bytes of request and response that are read: all, or one")
	f.StringVar(&c.with, "against", "", "measure this too, in turns, and print the ratios to it: latency, write, unstuck")
	floorFlag(cmd, &c.withFloor, "spin or, where both sides sleep, futex, there and back")
	return cmd
}

// A callRun is a measurement and its results.
type callRun struct {
	options        workload.Call
	with           string // what it is compared with, if anything
	withFloor      bool
	found, against []workload.CallResult
	links, floors  []workload.LinkResult // one way
	writes         []workload.LinkResult
}

func (a *app) callOptions(cmd *cobra.Command, e *extent, c *callRun, touch string) error {
	o := &c.options
	if err := a.check(cmd); err != nil {
		return err
	}
	if err := oneOf(cmd, "wait", o.Wait, workload.WaitPoll, workload.WaitBlock, workload.WaitDefault); err != nil {
		return err
	}
	if err := oneOf(cmd, "touch", touch, "all", "one"); err != nil {
		return err
	}
	if c.with != "" {
		if err := oneOf(cmd, "against", c.with, againstLatency, againstWrite, againstUnstuck); err != nil {
			return err
		}
	}
	if err := checkRate(cmd, o.Rate); err != nil {
		return err
	}
	calling := o.Clients
	if o.Stuck {
		calling--
	}
	switch {
	case cmd.Flags().Changed("response-size") && (o.ResponseSize < 1 || o.ResponseSize > maxSize):
		return cli.Usagef(cmd, "--response-size %d is not between 1 and %d", o.ResponseSize, maxSize)
	case o.Clients < 1 || o.Clients > callClients:
		return cli.Usagef(cmd, "--clients %d is not between 1 and %d", o.Clients, callClients)
	case calling < 1:
		return cli.Usagef(cmd, "--stuck: the only client would make no calls; --clients 2 has another one")
	case c.with == againstUnstuck && !o.Stuck:
		return cli.Usagef(cmd, "--against unstuck: no client is stuck without --stuck")
	case c.with == againstLatency && o.Clients > 1:
		return cli.Usagef(cmd, "--against latency compares one client, not %d", o.Clients)
	}
	if o.Rate == 0 && sleeps(o.Wait) {
		o.Rate = latencyRate
	}
	o.Rate /= float64(calling)
	count := uint64(callCount)
	if o.Rate > 0 {
		count = min(count, max(1, uint64(o.Rate*pacedSeconds)))
	}
	if err := e.complete(cmd, count, maxDuration); err != nil {
		return err
	}
	o.Size, o.Count, o.Duration, o.TouchOne = e.size, e.count, e.duration, touch == "one"
	if o.ResponseSize == 0 {
		o.ResponseSize = o.Size
	}
	o.Warm = e.warm(100, min(10_000, max(100, warmBytes/uint64(max(o.Size, o.ResponseSize)))))
	return nil
}

// callRounds measures in turns what the flags ask for.
func (a *app) callRounds(ctx context.Context, c *callRun) error {
	n := roundsOf(c.withFloor || c.with != "")
	own := c.options
	if n > 1 {
		own.Count, own.Duration = share(own.Count), share(own.Duration)
	}
	each := []func() error{a.calls(ctx, own, &c.found)}
	other := own
	switch c.with {
	case againstLatency:
		l := workload.Link{Size: own.Size, Count: own.Count, Warm: own.Warm, Duration: own.Duration, Rate: own.Rate, Wait: own.Wait,
			Depth: pacedDepth(own.Rate, own.Size), Timed: true, Answered: own.Rate == 0, TouchOne: own.TouchOne}
		each = append(each, a.links(ctx, &l, &c.links))
	case againstWrite:
		other.ResponseSize = smallCall
		w := floor.Options{Kind: floor.Memcpy, Size: own.ResponseSize, Ring: ringOf(own.ResponseSize), Count: own.Count, Warm: own.Warm, Duration: own.Duration}
		each = append(each, a.calls(ctx, other, &c.against), a.floors(ctx, &w, &c.writes))
	case againstUnstuck:
		other.Stuck = false
		other.Clients--
		each = append(each, a.calls(ctx, other, &c.against))
	}
	if c.withFloor {
		f := floor.Options{Kind: floorOf(own.Wait), Count: own.Count, Warm: own.Warm, Duration: own.Duration, Rate: own.Rate}
		each = append(each, a.floors(ctx, &f, &c.floors))
	}
	return inTurns(n, each...)
}

// calls measures calls and appends the result to found.
func (a *app) calls(ctx context.Context, o workload.Call, found *[]workload.CallResult) func() error {
	return func() error {
		r, err := o.Run(ctx, a.dir())
		*found = append(*found, r)
		return err
	}
}
