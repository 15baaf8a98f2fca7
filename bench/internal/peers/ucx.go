package peers

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/shmbus/shmbus/bench/internal/env"
	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// UCXTransports are the transports that UCX may use: shared memory. Without the restriction it has one process read the memory of the
// other through the kernel.
const UCXTransports = "posix,self"

// UCX is one run of ucx_perftest, UCX's own measuring program, between two processes over the shared memory transport.
type UCX struct {
	Name  string // tag_lat, ucp_am_lat or tag_bw
	Size  int
	Count int
	Warm  int
	Sleep bool // the receiver sleeps
	Trip  bool // the figure of a latency is the whole round trip, not half of it
}

// Installed returns nil, or what is missing.
func (UCX) Installed() error {
	_, err := proc.Find("ucx_perftest", "ucx-utils")
	return err
}

// Run runs the test.
func (t UCX) Run(ctx context.Context, e *env.Environment) (figures.Figures, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	args := []string{"-p", port, "-t", t.Name, "-s", strconv.Itoa(t.Size), "-n", e.Count(t.Count), "-w", strconv.Itoa(t.Warm), "-f"}
	if t.Sleep {
		args = append(args, "-E", "sleep")
	}
	environ := []string{"UCX_TLS=" + UCXTransports, "UCX_LOG_LEVEL=warn"}
	server, err := proc.Start(ctx, e.Dir, environ, "ucx_perftest", args...)
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	args = append(args, "127.0.0.1")
	for {
		out, err := proc.Run(ctx, e.Dir, environ, "ucx_perftest", args...)
		if err == nil {
			return t.parse(out)
		}
		if !strings.Contains(err.Error(), "refused") {
			return nil, err
		}
		if ended, err := server.Ended(); ended {
			return nil, err
		}
		time.Sleep(10 * time.Millisecond) // the server does not listen yet
	}
}

// freePort returns a port without a listener.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// parseUCX reads the last line: iterations, median, average and overall time of one in microseconds, average and overall bandwidth in
// MiB/s, average and overall messages per second. A latency is half of a round trip, which begins before the message is written.
func (t UCX) parse(out []byte) (figures.Figures, error) {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	fields := strings.Fields(lines[len(lines)-1])
	var v [8]float64
	if len(fields) != len(v) {
		return nil, fmt.Errorf("ucx_perftest printed %q, not %d figures", lines[len(lines)-1], len(v))
	}
	for i, field := range fields {
		var err error
		if v[i], err = strconv.ParseFloat(field, 64); err != nil {
			return nil, fmt.Errorf("ucx_perftest printed %q: %w", lines[len(lines)-1], err)
		}
	}
	if strings.HasSuffix(t.Name, "_lat") {
		ns := v[1] * 1e3
		if t.Trip {
			ns *= 2
		}
		return figures.Figures{figures.P50: ns, figures.Total: ns}, nil
	}
	return figures.Figures{figures.Msgs: v[7], figures.Bytes: v[5] * (1 << 20)}, nil
}
