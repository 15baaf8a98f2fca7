package metrics

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/samples/hostmetrics/proc"
	"github.com/shmbus/shmbus/serde"
)

// devices is a source with a topic per device: those found at start, for as long as they are there.
func devices[F, T any](rate float64, prefix string, codec serde.Codec[T], read func() ([]F, error), name func(F) string,
	convert func(now, before F, elapsed time.Duration) T,
) (*source, error) {
	list, err := read()
	if err != nil {
		return nil, err
	}
	type device struct {
		out    *outlet[T]
		before F
		at     time.Time
	}
	s := &source{rate: rate}
	known := make(map[string]*device)
	topics := make(map[string]bool)
	for _, f := range list {
		out := newOutlet(codec, prefix, segment(name(f)))
		if !topics[out.name] {
			topics[out.name] = true
			known[name(f)] = &device{out: out, before: f, at: time.Now()}
			s.channels = append(s.channels, out)
		}
	}
	var at time.Time
	s.read = func(time.Time) (err error) {
		at = time.Now()
		list, err = read()
		return err
	}
	s.publish = func(ctx context.Context) error {
		for _, f := range list {
			d := known[name(f)]
			if d == nil {
				continue
			}
			if err := d.out.publish(ctx, convert(f, d.before, at.Sub(d.at))); err != nil {
				return err
			}
			d.before, d.at = f, at
		}
		return nil
	}
	return s, nil
}

func diskSource(root proc.Root) (*source, error) {
	return devices(2, "host/disk", serde.MsgPack[Disk](), root.Disks, func(d proc.Disk) string { return d.Name },
		func(now, before proc.Disk, elapsed time.Duration) Disk {
			return Disk{
				ReadBytes:        now.ReadBytes(),
				WrittenBytes:     now.WrittenBytes(),
				ReadPerSecond:    perSecond(now.ReadBytes(), before.ReadBytes(), elapsed),
				WrittenPerSecond: perSecond(now.WrittenBytes(), before.WrittenBytes(), elapsed),
				Operations:       perSecond(now.Reads+now.Writes, before.Reads+before.Writes, elapsed),
				Busy:             min(perSecond(now.Busy, before.Busy, elapsed)/1000, 1),
			}
		})
}

func networkSource(root proc.Root) (*source, error) {
	return devices(10, "host/net", serde.CBOR[Network](), root.Interfaces, func(i proc.Interface) string { return i.Name },
		func(now, before proc.Interface, elapsed time.Duration) Network {
			return Network{
				ReceivedBytes:     now.Received.Bytes,
				SentBytes:         now.Sent.Bytes,
				ReceivedPackets:   now.Received.Packets,
				SentPackets:       now.Sent.Packets,
				Errors:            now.Received.Errors + now.Sent.Errors,
				Dropped:           now.Received.Dropped + now.Sent.Dropped,
				ReceivedPerSecond: perSecond(now.Received.Bytes, before.Received.Bytes, elapsed),
				SentPerSecond:     perSecond(now.Sent.Bytes, before.Sent.Bytes, elapsed),
			}
		})
}

// perSecond is the rate of a count. A count that went back, because its device was reset, has none.
func perSecond(now, before uint64, elapsed time.Duration) float64 {
	if elapsed <= 0 || now < before {
		return 0
	}
	return float64(now-before) / elapsed.Seconds()
}
