package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkScreen_ThousandTopics measures the processor time of the screen in 60 columns and 24 lines, at the default interval, while 200
// processes publish on 1,000 topics, and each subscribes to one that it takes, or never does. It reports the median of three times 30 s.
func BenchmarkScreen_ThousandTopics(b *testing.B) {
	const rounds, span = 3, 30 * time.Second
	for name, env := range map[string]string{"taken": "SHMMON_TEST_LARGE_TAKES=1", "hung": "SHMMON_TEST_LARGE_TAKES="} {
		b.Run(name, func(b *testing.B) {
			dir := domains(b)
			startLarge(b, dir, env)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			screen := openTerminal(ctx, b, dir)
			ioctl(b, screen.screen, syscall.TIOCSWINSZ, &[4]uint16{24, 60})
			screen.waitFor("1000 topics")
			go func() { // what it writes must not hold it up
				for range screen.output {
				}
			}()
			time.Sleep(10 * time.Second) // it reads most of the domain once
			for range b.N {
				var all []float64
				for range rounds {
					began, used := time.Now(), processorTime(b, screen.cmd.Process.Pid)
					time.Sleep(span)
					all = append(all, 100*(processorTime(b, screen.cmd.Process.Pid)-used).Seconds()/time.Since(began).Seconds())
				}
				slices.Sort(all)
				b.ReportMetric(all[rounds/2], "%")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// processorTime returns the time that a process has used, to 10 ms.
func processorTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 for processes, whatever the kernel has
	_, figures, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(figures)
	var sum time.Duration
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(n) * tick
	}
	return sum
}
