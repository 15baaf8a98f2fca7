package floor

import (
	"context"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/internal/subproc"
)

// Copy is the role of the process that copies into shared memory.
func Copy(ctx context.Context, d *subproc.Parent) error { return stage.Play(ctx, d, "", copies) }

func copies(ctx context.Context, at *stage.Post[Order]) (any, error) {
	o := at.Order
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

func (o *Order) copy(ctx context.Context, to []byte) (pair.Result, error) {
	c, from := clock.New(), make([]byte, o.Size)
	for i := range from {
		from[i] = byte(i)
	}
	var before usage.Usage
	began := int64(0)
	elapsed := func() int64 { return c.Now() - began }
	n, off := uint64(0), 0
	for last := false; !last; {
		n++
		if n == o.Warm+1 {
			var err error
			if before, err = usage.Now(); err != nil {
				return pair.Result{}, err
			}
			began = c.Now()
		}
		copy(to[off:off+o.Size], from)
		if off += o.Size; off == len(to) {
			off = 0
			if ctx.Err() != nil {
				return pair.Result{}, ctx.Err()
			}
		}
		last = n > o.Warm && o.isLast(n, elapsed)
	}
	ended := c.Now()
	after, err := usage.Now()
	return pair.Result{
		Sent: pair.Sent{Count: n - o.Warm, Began: began, Usage: after.Since(before)},
		Got:  pair.Got{Count: n - o.Warm, Ended: ended},
	}, err
}
