package metrics

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/shmbus/shmbus/samples/hostmetrics/proc"
	"github.com/shmbus/shmbus/serde"
)

const topCount = 5

func processSource(root proc.Root, page uint64) (*source, error) {
	list, err := root.Processes()
	if err != nil {
		return nil, err
	}
	out := newOutlet(serde.JSON[Processes](), "host/processes")
	before, beforeAt, at := ticks(list), time.Now(), time.Time{}
	return &source{
		rate:     1,
		channels: []channel{out},
		read: func(time.Time) (err error) {
			at = time.Now()
			list, err = root.Processes()
			return err
		},
		publish: func(ctx context.Context) error {
			v := summarise(list, before, at.Sub(beforeAt), page)
			before, beforeAt = ticks(list), at
			return out.publish(ctx, v)
		},
	}, nil
}

// identity names a process also after its PID was given to another.
type identity struct {
	pid   int
	start uint64
}

func ticks(list []proc.Process) map[identity]uint64 {
	m := make(map[identity]uint64, len(list))
	for _, p := range list {
		m[identity{p.PID, p.StartTime}] = p.Ticks
	}
	return m
}

func summarise(list []proc.Process, before map[identity]uint64, elapsed time.Duration, page uint64) Processes {
	v := Processes{Count: len(list)}
	all := make([]Process, 0, len(list))
	for _, p := range list {
		v.Threads += p.Threads
		// One that was not there before has used all its time since.
		cpu := perSecond(p.Ticks, before[identity{p.PID, p.StartTime}], elapsed) / proc.TicksPerSecond
		all = append(all, Process{PID: p.PID, Name: p.Name, CPU: cpu, Memory: p.Pages * page})
	}
	v.TopCPU = top(all, func(a, b Process) int { return cmp.Compare(b.CPU, a.CPU) })
	v.TopMemory = top(all, func(a, b Process) int { return cmp.Compare(b.Memory, a.Memory) })
	return v
}

func top(all []Process, by func(a, b Process) int) []Process {
	slices.SortStableFunc(all, by)
	return slices.Clone(all[:min(len(all), topCount)])
}
