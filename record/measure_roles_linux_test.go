package record

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

// measureRole is the environment variable with the role of a child process of a benchmark, as JSON.
const measureRole = "SHMBUS_TEST_MEASURE"

// A role is what a child process of a benchmark does until its standard input ends.
type role struct {
	Streams []stream // it publishes these
	Path    string   // or records to this file
	Options measuredOptions
}

// measuredOptions are the RecordOptions of a benchmark.
type measuredOptions struct {
	Lossless, Trigger bool
	Parts             bool // of 1 GiB, of which 3 GiB are kept
	Compression       mcapfile.Compression
}

// A stream is a topic that is published at a rate.
type stream struct {
	Topic string
	Size  int
	Rate  float64 // messages per second; 0 = as fast as possible
	Depth int
	Burst int // messages that are published at that rate, with pauses of 50 ms in between; 0 = without end
}

// A report is what a child process says at its end.
type report struct {
	CPU       float64 // s
	RSS       float64 // MiB, largest size without shared memory
	Published uint64
	P50, P99  float64 // ns of a publish of the last stream
	Summary   Summary
}

func (r *role) run(in io.Reader, out io.Writer) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		io.Copy(io.Discard, in)
		cancel()
	}()
	var rep report
	watch := watchMemory(ctx)
	if r.Path != "" {
		o := RecordOptions{Lossless: r.Options.Lossless, Compression: r.Options.Compression, Started: func() { fmt.Fprintln(out, "started") }}
		if r.Options.Trigger {
			o.Trigger = &TriggerOptions{Before: 2 * time.Second}
		}
		if r.Options.Parts {
			o.SplitSize, o.KeepSize = 1<<30, 3<<30
		}
		debug.SetMemoryLimit(o.MemoryLimit())
		rep.Summary, err = Record(ctx, p, r.Path, &o)
	} else {
		err = r.publish(ctx, p, out, &rep)
	}
	if err != nil {
		return err
	}
	cancel()
	rep.RSS = <-watch
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return err
	}
	rep.CPU = time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	return json.NewEncoder(out).Encode(&rep)
}

// watchMemory sends the largest amount of private memory when ctx ends.
func watchMemory(ctx context.Context) <-chan float64 {
	result := make(chan float64, 1)
	go func() {
		largest := 0
		for ctx.Err() == nil {
			status, _ := os.ReadFile("/proc/self/status")
			for line := range strings.Lines(string(status)) {
				kb := 0
				if n, _ := fmt.Sscanf(line, "RssAnon: %d kB", &kb); n == 1 {
					largest = max(largest, kb)
				}
			}
			time.Sleep(200 * time.Millisecond)
		}
		result <- float64(largest) / 1024
	}()
	return result
}

func (r *role) publish(ctx context.Context, p *topic.Participant, out io.Writer, rep *report) error {
	var pubs []*topic.Publisher[[]byte]
	for _, s := range r.Streams {
		pub, err := topic.NewPublisher(ctx, p, s.Topic, &topic.PublisherOptions[[]byte]{Depth: s.Depth})
		if err != nil {
			return err
		}
		pubs = append(pubs, pub)
	}
	fmt.Fprintln(out, "started")
	var publishing sync.WaitGroup
	var took []time.Duration
	counts := make([]uint64, len(pubs))
	for i, pub := range pubs {
		publishing.Go(func() {
			s, payload := r.Streams[i], make([]byte, r.Streams[i].Size)
			for k := range payload {
				payload[k] = byte(k * k >> 7)
			}
			begin := time.Now()
			for n := 0; ctx.Err() == nil; n++ {
				if s.Burst > 0 {
					awaitTurn(&s, n, &begin)
				}
				for s.Burst == 0 && s.Rate > 0 && float64(n) > time.Since(begin).Seconds()*s.Rate && ctx.Err() == nil {
					time.Sleep(min(time.Duration(1e9/s.Rate), time.Millisecond))
				}
				at := time.Now()
				if _, err := pub.Publish(ctx, payload); err != nil {
					return
				}
				// The first lap of the ring is the kernel's work: it makes the pages.
				if i == len(pubs)-1 && n >= 2*s.Depth && (s.Rate < 50_000 || n%16 == 0) {
					took = append(took, time.Since(at))
				}
				counts[i]++
			}
		})
	}
	publishing.Wait()
	slices.Sort(took)
	if n := len(took); n > 0 {
		rep.P50, rep.P99 = float64(took[n/2]), float64(took[n*99/100])
	}
	for _, n := range counts {
		rep.Published += n
	}
	return nil
}

// awaitTurn waits for the time of the nth message of a stream with bursts, which began last at begin. It does not sleep within a burst.
func awaitTurn(s *stream, n int, begin *time.Time) {
	k := n % s.Burst
	if k == 0 {
		time.Sleep(50 * time.Millisecond)
		*begin = time.Now()
	}
	for float64(k) > time.Since(*begin).Seconds()*s.Rate {
	}
}

// A child is a process of a benchmark.
type child struct {
	b   *testing.B
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startChild(b *testing.B, d *topic.Options, r role) *child {
	b.Helper()
	js, err := json.Marshal(&r)
	if err != nil {
		b.Fatal(err)
	}
	c := &child{b: b, cmd: exec.CommandContext(b.Context(), os.Args[0])}
	c.cmd.Env = append(os.Environ(), measureRole+"="+string(js), "SHMBUS_DIR="+d.Dir, "SHMBUS_DOMAIN="+d.Domain)
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if line, err := c.out.ReadString('\n'); line != "started\n" {
		b.Fatal(line, err)
	}
	return c
}

func (c *child) end() (r report) {
	c.b.Helper()
	c.in.Close()
	if err := json.NewDecoder(c.out).Decode(&r); err != nil {
		c.b.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		c.b.Fatal(err)
	}
	return r
}
