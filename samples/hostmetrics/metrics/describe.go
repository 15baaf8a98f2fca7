package metrics

import (
	"fmt"
	"strings"
	"time"

	"github.com/shmbus/shmbus/serde"
)

// A Describer puts samples of the host topics into words. It is for one goroutine at a time.
type Describer struct {
	cpu       serde.Decoder[CPU]
	kernel    serde.Decoder[Kernel]
	memory    serde.Decoder[Memory]
	disk      serde.Decoder[Disk]
	network   serde.Decoder[Network]
	pressure  serde.Decoder[Pressure]
	uptime    serde.Decoder[Uptime]
	processes serde.Decoder[Processes]
	text      serde.Decoder[string]
}

// NewDescriber returns a Describer.
func NewDescriber() *Describer {
	return &Describer{
		cpu:       serde.MsgPack[CPU]().Decoder(),
		kernel:    serde.CBOR[Kernel]().Decoder(),
		memory:    serde.CBOR[Memory]().Decoder(),
		disk:      serde.MsgPack[Disk]().Decoder(),
		network:   serde.CBOR[Network]().Decoder(),
		pressure:  serde.MsgPack[Pressure]().Decoder(),
		uptime:    serde.JSON[Uptime]().Decoder(),
		processes: serde.JSON[Processes]().Decoder(),
		text:      serde.String().Decoder(),
	}
}

// Describe returns one short line. A payload that is not what Run publishes on that topic is an error.
func (d *Describer) Describe(topic string, payload []byte) (string, error) {
	kind, found := strings.CutPrefix(topic, "host/")
	if !found {
		return "", fmt.Errorf("%q is no host topic", topic)
	}
	kind, _, _ = strings.Cut(kind, "/")
	switch kind {
	case "clock":
		c, err := ParseClock(payload)
		return fmt.Sprintf("%s, %v late", c.Due.Format("15:04:05.000"), c.Late.Round(time.Microsecond)), err
	case "kernel":
		return words(d.kernel, payload, func(k Kernel) string {
			return fmt.Sprintf("%d context switches, %d interrupts, %d running", k.ContextSwitches, k.Interrupts, k.Running)
		})
	case "cpu":
		return words(d.cpu, payload, func(c CPU) string {
			return fmt.Sprintf("%3.0f %% busy (user %.0f, system %.0f, waiting %.0f)", 100*(1-c.Idle-c.IOWait), 100*c.User, 100*c.System, 100*c.IOWait)
		})
	case "memory":
		return words(d.memory, payload, func(m Memory) string {
			return fmt.Sprintf("%s of %s available", size(float64(m.Available)), size(float64(m.Total)))
		})
	case "disk":
		return words(d.disk, payload, func(k Disk) string {
			return fmt.Sprintf("read %s/s, write %s/s, %.0f %% busy", size(k.ReadPerSecond), size(k.WrittenPerSecond), 100*k.Busy)
		})
	case "net":
		return words(d.network, payload, func(n Network) string {
			return fmt.Sprintf("in %s/s, out %s/s", size(n.ReceivedPerSecond), size(n.SentPerSecond))
		})
	case "pressure":
		return words(d.pressure, payload, func(p Pressure) string { return fmt.Sprintf("%.2f %% of the last 10 s lost waiting", p.Some10) })
	case "load":
		return words(d.text, payload, func(s string) string { return s })
	case "uptime":
		return words(d.uptime, payload, func(u Uptime) string {
			return fmt.Sprintf("up %v", time.Duration(u.Up*float64(time.Second)).Round(time.Second))
		})
	case "processes":
		return words(d.processes, payload, func(p Processes) string {
			line := fmt.Sprintf("%d processes, %d threads", p.Count, p.Threads)
			if len(p.TopCPU) > 0 {
				line += fmt.Sprintf(", busiest %s at %.0f %%", p.TopCPU[0].Name, 100*p.TopCPU[0].CPU)
			}
			return line
		})
	}
	return "", fmt.Errorf("%q is no topic of hostmetrics", topic)
}

func words[T any](dec serde.Decoder[T], payload []byte, line func(T) string) (string, error) {
	var v T
	if err := dec.Decode(payload, &v); err != nil {
		return "", err
	}
	return line(v), nil
}

// size is a number of bytes for people.
func size(n float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	i := 0
	for n >= 1000 && i < len(units)-1 {
		n /= 1000
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%.0f B", n)
	}
	return fmt.Sprintf("%.1f %s", n, units[i])
}
