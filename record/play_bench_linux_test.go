package record

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

// benchFile writes n messages of a size, one each interval.
func benchFile(b *testing.B, n, size int, interval time.Duration) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "f.mcap")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w, err := mcapfile.NewWriter(f, nil)
	if err != nil {
		b.Fatal(err)
	}
	ch, err := w.AddChannel(mcapfile.Channel{Topic: "t", Encoding: "raw"})
	if err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{})
	for i := range n {
		rng.Read(payload)
		at := uint64(i) * uint64(interval)
		if err := w.Write(&mcapfile.Message{Channel: ch, Sequence: uint32(i + 1), LogTime: at, PublishTime: at, Data: payload}); err != nil {
			b.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		b.Fatal(err)
	}
	return path
}

// sizeOf returns an environment variable that is a number.
func sizeOf(b *testing.B, variable string, otherwise int) int {
	b.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s=%q is not a number greater than 0", variable, text)
	}
	return n
}

// BenchmarkPlay_Lateness plays a topic of 1 kHz at rate 1, for SHMBUS_BENCH_SECONDS: by how much messages are late, and by how much the
// whole replay takes longer than the recording.
func BenchmarkPlay_Lateness(b *testing.B) {
	n := 1000 * sizeOf(b, "SHMBUS_BENCH_SECONDS", 5)
	path, p := benchFile(b, n, 64, time.Millisecond), join(b, domain(b))
	spin := time.Duration(sizeOf(b, "SHMBUS_BENCH_SPIN_US", 60)) * time.Microsecond
	for b.Loop() {
		s, err := Play(b.Context(), p, path, &PlayOptions{Spin: spin})
		if err != nil || s.Messages != uint64(n) {
			b.Fatal(s.Messages, err)
		}
		b.ReportMetric(float64(s.Lateness.P50.Microseconds()), "p50-us")
		b.ReportMetric(float64(s.Lateness.P99.Microseconds()), "p99-us")
		b.ReportMetric(float64((s.Duration - time.Duration(n-1)*time.Millisecond).Microseconds()), "drift-us")
	}
}

// BenchmarkPlay_Max plays at the maximum rate into a lossless subscriber, beside reading the file alone.
func BenchmarkPlay_Max(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			n := (128 << 20) / size
			path := benchFile(b, n, size, time.Millisecond)
			d := domain(b)
			sub, err := topic.NewSubscriber(b.Context(), join(b, d), "t", &topic.SubscriberOptions[[]byte]{Lossless: true})
			if err != nil {
				b.Fatal(err)
			}
			defer sub.Close()
			p := join(b, d)
			go func() {
				for {
					s, err := sub.Receive(context.Background())
					if err != nil {
						return
					}
					s.Release()
				}
			}()
			var ratios []float64
			for b.Loop() {
				begin := time.Now()
				if _, err := Read(b.Context(), path, nil, func(*Message) error { return nil }); err != nil {
					b.Fatal(err)
				}
				read := time.Since(begin)
				s, err := Play(b.Context(), p, path, &PlayOptions{Max: true, WaitTaken: true})
				if err != nil || s.Messages != uint64(n) {
					b.Fatal(s.Messages, err)
				}
				ratios = append(ratios, float64(read)/float64(time.Since(begin)-read))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "of-reading")
		})
	}
}

// BenchmarkPlay_Start measures the time to the first message in the middle of a file of SHMBUS_BENCH_MIB.
func BenchmarkPlay_Start(b *testing.B) {
	n := sizeOf(b, "SHMBUS_BENCH_MIB", 256) * 4
	path := benchFile(b, n, 256<<10, time.Millisecond)
	p := join(b, domain(b))
	for b.Loop() {
		s, err := Play(b.Context(), p, path, &PlayOptions{Max: true, StartElapsed: time.Duration(n/2) * time.Millisecond, Duration: time.Millisecond})
		if err != nil || s.Messages != 1 {
			b.Fatal(s.Messages, err)
		}
	}
}
