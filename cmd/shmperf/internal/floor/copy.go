package floor

import (
	"context"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/shm"
)

// copyBlocks copies blocks into shared memory.
func copyBlocks(ctx context.Context, w *harness.Worker[Options]) (any, error) {
	o := w.Request
	size := int64(o.Size) * int64(o.Ring)
	f, err := shm.Create(o.Dir, size, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Reserve(0, size); err != nil {
		return nil, err
	}
	m, err := f.Map(0, int(size), true)
	if err != nil {
		return nil, err
	}
	defer m.Unmap()
	return o.copy(ctx, m.Bytes())
}

func (o *Options) copy(ctx context.Context, to []byte) (workload.LinkResult, error) {
	c, from := clock.New(), make([]byte, o.Size)
	for i := range from {
		from[i] = byte(i)
	}
	var before measure.Usage
	began := int64(0)
	elapsed := func() int64 { return c.Now() - began }
	n, off := uint64(0), 0
	for last := false; !last; {
		n++
		if n == o.Warm+1 {
			var err error
			if before, err = measure.ReadUsage(); err != nil {
				return workload.LinkResult{}, err
			}
			began = c.Now()
		}
		copy(to[off:off+o.Size], from)
		if off += o.Size; off == len(to) {
			off = 0
			if ctx.Err() != nil {
				return workload.LinkResult{}, ctx.Err()
			}
		}
		last = n > o.Warm && o.isLast(n, elapsed)
	}
	ended := c.Now()
	after, err := measure.ReadUsage()
	return workload.LinkResult{
		Sent:     workload.LinkSent{Count: n - o.Warm, Began: began, Usage: after.Since(before)},
		Received: workload.LinkReceived{Count: n - o.Warm, Ended: ended},
	}, err
}
