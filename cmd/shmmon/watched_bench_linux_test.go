package main

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// BenchmarkPublish_Watched measures how long publishes of 64 bytes take, each 100 µs after the one before, while another process
// receives them: in turns while a screen that scans five times a second is stopped and while it watches. It reports the medians of the
// rounds, and that of their ratios.
func BenchmarkPublish_Watched(b *testing.B) {
	const rounds, interval, messages = 25, 100 * time.Microsecond, 5_000
	dir := domains(b)
	out, err := topic.Join(&topic.Options{Dir: dir, Unit: "out"})
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	pub, err := topic.NewPublisher[[]byte](b.Context(), out, "robot/imu", nil)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), long)
	defer cancel()
	receiver := exec.CommandContext(ctx, os.Args[0], "--dir", dir, "echo", "robot/imu", "-n", "0")
	receiver.Env = append(os.Environ(), "SHMMON_TEST_TABLE=1")
	if err := receiver.Start(); err != nil {
		b.Fatal(err)
	}
	if err := pub.WaitSubscribers(ctx, 1); err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, 64)
	took := make([]time.Duration, messages)
	p99 := func() float64 {
		next := time.Now()
		for i := range took {
			for next = next.Add(interval); time.Now().Before(next); {
			}
			began := time.Now()
			if _, err := pub.Publish(b.Context(), payload); err != nil {
				b.Fatal(err)
			}
			took[i] = time.Since(began)
		}
		slices.Sort(took)
		return float64(took[messages*99/100].Nanoseconds())
	}
	screen := openTerminal(ctx, b, dir, "--interval", "200ms")
	screen.waitFor("robot/imu")
	go func() { // what it writes must not hold it up
		for range screen.output {
		}
	}()
	// The benchmark may run at real-time priority. The screen, which does not, competes as it does beside a robot.
	if out, err := exec.Command("chrt", "-a", "-o", "-p", "0", strconv.Itoa(screen.cmd.Process.Pid)).CombinedOutput(); err != nil {
		b.Fatalf("chrt: %v, %s", err, out)
	}
	signal := func(s syscall.Signal) {
		if err := screen.cmd.Process.Signal(s); err != nil {
			b.Fatal(err)
		}
	}
	p99() // warm
	for range b.N {
		var without, with, ratios []float64
		for range rounds {
			signal(syscall.SIGSTOP)
			without = append(without, p99())
			signal(syscall.SIGCONT)
			with = append(with, p99())
			ratios = append(ratios, with[len(with)-1]/without[len(without)-1])
		}
		for what, all := range map[string][]float64{"p99-ns": without, "watched-p99-ns": with, "ratio": ratios} {
			slices.Sort(all)
			b.ReportMetric(all[rounds/2], what)
		}
		b.ReportMetric(0, "ns/op")
	}
}
