package peers

import (
	"context"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/env"
	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// cycloneConfig keeps DDS on the loopback interface, and finds participants there without multicast.
const cycloneConfig = `CYCLONEDDS_URI=<General><Interfaces><NetworkInterface name="lo"/></Interfaces><AllowMulticast>false</AllowMulticast></General>` +
	`<Discovery><ParticipantIndex>auto</ParticipantIndex><Peers><Peer Address="localhost"/></Peers></Discovery>`

// CycloneInstalled returns nil, or what is missing.
func CycloneInstalled() error {
	_, err := proc.Find("ddsperf", "cyclonedds-tools")
	return err
}

// CycloneLatency runs ddsperf, Cyclone DDS's own measuring program, over the loopback interface. One process sends pings at a rate, and
// another answers them from a listener. The delay is half of a round trip.
func CycloneLatency(ctx context.Context, e *env.Environment, size, rate int) (figures.Figures, error) {
	seconds := wholeSeconds(e)
	pong, err := proc.Start(ctx, e.Dir, []string{cycloneConfig}, "ddsperf", "-D", strconv.Itoa(seconds+2), "pong")
	if err != nil {
		return nil, err
	}
	defer pong.Stop()
	out, err := proc.Run(ctx, e.Dir, []string{cycloneConfig}, "ddsperf", "-D", strconv.Itoa(seconds), "ping", strconv.Itoa(rate)+"Hz", "size",
		strconv.Itoa(size))
	if err != nil {
		return nil, err
	}
	return parsePing(out)
}

// CycloneRate runs ddsperf with one process that publishes reliably to another, as fast as possible.
func CycloneRate(ctx context.Context, e *env.Environment, size int) (figures.Figures, error) {
	seconds := wholeSeconds(e)
	sub, err := proc.Start(ctx, e.Dir, []string{cycloneConfig}, "ddsperf", "-D", strconv.Itoa(seconds+1), "sub")
	if err != nil {
		return nil, err
	}
	defer sub.Stop()
	if _, err := proc.Run(ctx, e.Dir, []string{cycloneConfig}, "ddsperf", "-D", strconv.Itoa(seconds), "pub", "size", strconv.Itoa(size)); err != nil {
		return nil, err
	}
	out, err := sub.Wait()
	if err != nil {
		return nil, err
	}
	return parseSub(out)
}

// wholeSeconds is the length of a run of ddsperf, which prints its figures once a second.
func wholeSeconds(e *env.Environment) int { return max(1, int(e.Duration(2*time.Second)/time.Second)) }
