package metrics

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/samples/hostmetrics/proc"
	"github.com/shmbus/shmbus/serde"
)

// A source reads one part of the machine's figures and publishes them on one topic or several, at one rate. Each source has a
// goroutine of its own, so a slow one (listing all processes) or one that is made to wait holds up no other.
type source struct {
	rate     float64 // Hz
	channels []channel
	read     func(due time.Time) error
	publish  func(ctx context.Context) error
	missed   uint64 // turns that passed while an earlier one lasted
	unread   uint64 // turns for which the machine gave no figures
}

func (s *source) turn(ctx context.Context, due time.Time) error {
	if s.read(due) != nil {
		s.unread++ // a device that was there at start may be gone, and come back
		return nil
	}
	return s.publish(ctx)
}

// sources returns what this machine has to show. A part that cannot be read now is left out.
func sources(root proc.Root, memoryPage uint64) []*source {
	found := []*source{clockSource()}
	for _, open := range []func(proc.Root) (*source, error){
		kernelSource, cpuSource, networkSource, memorySource, diskSource, loadSource, uptimeSource,
		pressureSource("cpu"), pressureSource("memory"), pressureSource("io"),
		func(r proc.Root) (*source, error) { return processSource(r, memoryPage) },
	} {
		if s, err := open(root); err == nil {
			found = append(found, s)
		}
	}
	return found
}

// simple is a source whose every turn is one reading on one topic.
func simple[F, T any](rate float64, out *outlet[T], read func() (F, error), convert func(F) T) (*source, error) {
	if _, err := read(); err != nil {
		return nil, err
	}
	var now F
	return &source{
		rate:     rate,
		channels: []channel{out},
		read:     func(time.Time) (err error) { now, err = read(); return err },
		publish:  func(ctx context.Context) error { return out.publish(ctx, convert(now)) },
	}, nil
}

func clockSource() *source {
	out := newOutlet(serde.Raw(), "host/clock")
	var payload []byte
	return &source{
		rate:     200,
		channels: []channel{out},
		read: func(due time.Time) error {
			payload = Clock{Due: due, Late: time.Since(due)}.Append(payload[:0])
			return nil
		},
		publish: func(ctx context.Context) error { return out.publish(ctx, payload) },
	}
}

func kernelSource(root proc.Root) (*source, error) {
	return simple(100, newOutlet(serde.CBOR[Kernel](), "host/kernel"), root.Stat, func(s proc.Stat) Kernel {
		return Kernel{
			ContextSwitches: s.ContextSwitches, Interrupts: s.Interrupts, Forks: s.Forks, Running: s.Running, Blocked: s.Blocked,
		}
	})
}

func memorySource(root proc.Root) (*source, error) {
	return simple(5, newOutlet(serde.CBOR[Memory](), "host/memory"), root.Memory, func(m proc.Memory) Memory {
		return Memory{
			Total: m.Total, Available: m.Available, Free: m.Free, Cached: m.Cached, Shared: m.Shared, Dirty: m.Dirty,
			SwapTotal: m.SwapTotal, SwapFree: m.SwapFree,
		}
	})
}

func loadSource(root proc.Root) (*source, error) {
	return simple(1, newOutlet(serde.String(), "host/load"), root.Load, func(l proc.Load) string {
		return fmt.Sprintf("%.2f %.2f %.2f", l.One, l.Five, l.Fifteen)
	})
}

func uptimeSource(root proc.Root) (*source, error) {
	return simple(1, newOutlet(serde.JSON[Uptime](), "host/uptime"), root.Uptime, func(u proc.Uptime) Uptime { return Uptime(u) })
}

func pressureSource(resource string) func(proc.Root) (*source, error) {
	return func(root proc.Root) (*source, error) {
		out := newOutlet(serde.MsgPack[Pressure](), "host/pressure", resource)
		read := func() (proc.Pressure, error) { return root.PressureOf(resource) }
		return simple(2, out, read, func(p proc.Pressure) Pressure {
			return Pressure{Some10: p.Some.Avg10, Some60: p.Some.Avg60, Full10: p.Full.Avg10, Full60: p.Full.Avg60}
		})
	}
}

func cpuSource(root proc.Root) (*source, error) {
	now, err := root.Stat()
	if err != nil {
		return nil, err
	}
	total := newOutlet(serde.MsgPack[CPU](), "host/cpu/total")
	s := &source{rate: 10, channels: []channel{total}}
	single := make(map[int]*outlet[CPU])
	shares := map[int]*usage{-1: {}}
	for _, c := range now.CPUs {
		if single[c.Number] != nil {
			continue
		}
		single[c.Number] = newOutlet(serde.MsgPack[CPU](), "host/cpu", strconv.Itoa(c.Number))
		shares[c.Number] = &usage{}
		s.channels = append(s.channels, single[c.Number])
	}
	s.read = func(time.Time) (err error) { now, err = root.Stat(); return err }
	s.publish = func(ctx context.Context) error {
		if err := total.publish(ctx, shares[-1].next(now.Total)); err != nil {
			return err
		}
		for _, c := range now.CPUs {
			if out := single[c.Number]; out != nil {
				if err := out.publish(ctx, shares[c.Number].next(c.Times)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return s, nil
}

// usage turns times since boot into shares of the time since the reading before.
type usage struct {
	before proc.Times
	last   CPU
}

func (u *usage) next(now proc.Times) CPU {
	d := now.Since(u.before)
	total := float64(d.Total())
	if total == 0 {
		return u.last // the kernel counts in steps of 10 ms; nothing new since the reading before
	}
	u.before = now
	u.last = CPU{
		User: float64(d.User+d.Nice) / total, System: float64(d.System) / total, IRQ: float64(d.IRQ+d.SoftIRQ) / total,
		IOWait: float64(d.IOWait) / total, Steal: float64(d.Steal) / total, Idle: float64(d.Idle) / total,
	}
	return u.last
}
