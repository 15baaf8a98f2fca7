package cyclone

import (
	"context"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/lab"
	"github.com/shmbus/shmbus/bench/internal/missing"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// config keeps DDS on the loopback interface, and finds participants there without multicast.
const config = `CYCLONEDDS_URI=<General><Interfaces><NetworkInterface name="lo"/></Interfaces><AllowMulticast>false</AllowMulticast></General>` +
	`<Discovery><ParticipantIndex>auto</ParticipantIndex><Peers><Peer Address="localhost"/></Peers></Discovery>`

// Installed returns nil, or what is missing.
func Installed() error {
	_, err := missing.Program("ddsperf", "cyclonedds-tools")
	return err
}

// Latency sends pings at a rate, which another process answers from a listener. The delay is half of a round trip.
func Latency(ctx context.Context, l *lab.Lab, size, rate int) (figures.Figures, error) {
	seconds := wholeSeconds(l)
	pong, err := proc.Start(ctx, l.Dir, []string{config}, "ddsperf", "-D", strconv.Itoa(seconds+2), "pong")
	if err != nil {
		return nil, err
	}
	defer pong.Stop()
	out, err := proc.Run(ctx, l.Dir, []string{config}, "ddsperf", "-D", strconv.Itoa(seconds), "ping", strconv.Itoa(rate)+"Hz", "size",
		strconv.Itoa(size))
	if err != nil {
		return nil, err
	}
	return parsePing(out)
}

// Rate publishes as fast as it goes, reliably, to another process.
func Rate(ctx context.Context, l *lab.Lab, size int) (figures.Figures, error) {
	seconds := wholeSeconds(l)
	sub, err := proc.Start(ctx, l.Dir, []string{config}, "ddsperf", "-D", strconv.Itoa(seconds+1), "sub")
	if err != nil {
		return nil, err
	}
	defer sub.Stop()
	if _, err := proc.Run(ctx, l.Dir, []string{config}, "ddsperf", "-D", strconv.Itoa(seconds), "pub", "size", strconv.Itoa(size)); err != nil {
		return nil, err
	}
	out, err := sub.Wait()
	if err != nil {
		return nil, err
	}
	return parseSub(out)
}

// wholeSeconds is how long ddsperf measures, which prints what it found once a second.
func wholeSeconds(l *lab.Lab) int { return max(1, int(l.For(2*time.Second)/time.Second)) }
