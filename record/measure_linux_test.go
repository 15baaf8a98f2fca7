package record

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/foxglove/mcap/go/mcap"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// The benchmarks of the recorder measure processes for a fixed time, whatever b.N is: use -benchtime 1x.
//
//	go test ./record -run '^$' -bench Recorder -benchtime 1x -recordtime 60s
var recordTime = flag.Duration("recordtime", 2*time.Second, "time of each measurement of a recorder")

func tmpfsFile(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "f.mcap")
}

// BenchmarkRecorder_Rate records at a fixed rate, into parts of which some are kept: a minute has more data than most machines have memory,
// and memory that a virtual machine has not used before can be slower than the rate.
func BenchmarkRecorder_Rate(b *testing.B) {
	for name, s := range map[string]stream{
		"64B": {Topic: "a", Size: 64, Rate: 500_000, Depth: 65536}, "1MiB": {Topic: "a", Size: 1 << 20, Rate: 500, Depth: 64},
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				d := domain(b)
				recorder := startChild(b, d, role{Path: tmpfsFile(b), Options: measuredOptions{Parts: true, Compression: mcapfile.Uncompressed}})
				publisher := startChild(b, d, role{Streams: []stream{s}})
				time.Sleep(*recordTime)
				pub := publisher.end()
				rec := recorder.end()
				if rec.Summary.Messages+rec.Summary.Lost != pub.Published {
					b.Errorf("%d published, %d recorded, %d lost", pub.Published, rec.Summary.Messages, rec.Summary.Lost)
				}
				b.ReportMetric(float64(pub.Published)/recordTime.Seconds(), "published/s")
				b.ReportMetric(float64(rec.Summary.Lost), "lost")
				b.ReportMetric(rec.CPU/recordTime.Seconds(), "cpus")
				b.ReportMetric(rec.RSS, "MiB")
			}
		})
	}
}

// BenchmarkRecorder_Burst records bursts of four times as many messages as the ring has entries, which the recorder must begin to take
// meanwhile.
func BenchmarkRecorder_Burst(b *testing.B) {
	for _, s := range []stream{
		{Topic: "a", Size: 64, Rate: 50_000, Depth: 16, Burst: 64}, {Topic: "a", Size: 64, Rate: 200_000, Depth: 64, Burst: 256},
		{Topic: "a", Size: 64, Rate: 1_000_000, Depth: 1024, Burst: 4096},
	} {
		b.Run(fmt.Sprintf("%d at %.0f kHz", s.Burst, s.Rate/1000), func(b *testing.B) {
			var lost []float64
			for range max(b.N, 5) {
				d := domain(b)
				recorder := startChild(b, d, role{Path: tmpfsFile(b), Options: measuredOptions{Compression: mcapfile.Uncompressed}})
				publisher := startChild(b, d, role{Streams: []stream{s}})
				time.Sleep(*recordTime)
				pub := publisher.end()
				lost = append(lost, 100*float64(recorder.end().Summary.Lost)/float64(pub.Published))
			}
			slices.Sort(lost)
			b.ReportMetric(lost[len(lost)/2], "lost-%")
			b.ReportMetric(lost[0], "least")
			b.ReportMetric(lost[len(lost)-1], "most")
		})
	}
}

// BenchmarkRecorder_Write compares the rate at which messages of 1 MiB from another process are written with that of the MCAP library, which
// writes the same chunks from memory.
func BenchmarkRecorder_Write(b *testing.B) {
	const size = 1 << 20
	var ratios []float64
	during := min(*recordTime, 2*time.Second) // some GiB: more is not in the memory of every machine
	for range max(b.N, 5) {
		begin := time.Now()
		library := writeByLibrary(b, make([]byte, size), during)
		libraryRate := float64(library) / time.Since(begin).Seconds()
		d := domain(b)
		path := tmpfsFile(b)
		recorder := startChild(b, d, role{Path: path, Options: measuredOptions{Lossless: true, Compression: mcapfile.Uncompressed}})
		publisher := startChild(b, d, role{Streams: []stream{{Topic: "a", Size: size, Depth: 16}}})
		time.Sleep(during)
		publisher.end()
		rec := recorder.end()
		if err := os.Remove(path); err != nil {
			b.Fatal(err)
		}
		ratios = append(ratios, float64(rec.Summary.Messages)/rec.Summary.Duration.Seconds()/libraryRate)
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
	b.ReportMetric(ratios[0], "least")
	b.ReportMetric(ratios[len(ratios)-1], "most")
}

// writeByLibrary writes messages in chunks of their own, until the time is over.
func writeByLibrary(b *testing.B, payload []byte, during time.Duration) (n int) {
	b.Helper()
	f, err := os.Create(tmpfsFile(b))
	if err != nil {
		b.Fatal(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	w, err := mcap.NewWriter(f, &mcap.WriterOptions{Chunked: true, ChunkSize: int64(len(payload)), IncludeCRC: true})
	if err == nil {
		err = w.WriteHeader(&mcap.Header{})
	}
	if err == nil {
		err = w.WriteChannel(&mcap.Channel{Topic: "a"})
	}
	for begin := time.Now(); err == nil && time.Since(begin) < during; n++ {
		err = w.WriteMessage(&mcap.Message{LogTime: uint64(n), Data: payload})
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkRecorder_Publisher compares the time of a publish with a recorder with that without one.
func BenchmarkRecorder_Publisher(b *testing.B) {
	for name, s := range map[string]stream{
		"64B at 10 kHz": {Topic: "a", Size: 64, Rate: 10_000, Depth: 1024}, "1MiB at 100 Hz": {Topic: "a", Size: 1 << 20, Rate: 100, Depth: 64},
	} {
		b.Run(name, func(b *testing.B) {
			var p50, p99, alone []float64
			for i := range max(b.N, 5) {
				measure := func(with bool) report {
					d := domain(b)
					var recorder *child
					if with {
						recorder = startChild(b, d, role{Path: tmpfsFile(b), Options: measuredOptions{Compression: mcapfile.Uncompressed}})
					}
					publisher := startChild(b, d, role{Streams: []stream{s}})
					time.Sleep(*recordTime)
					r := publisher.end()
					if with {
						recorder.end()
					}
					return r
				}
				with, without := report{}, report{}
				if i%2 == 0 {
					with = measure(true)
					without = measure(false)
				} else {
					without = measure(false)
					with = measure(true)
				}
				p50, p99 = append(p50, with.P50/without.P50), append(p99, with.P99/without.P99)
				alone = append(alone, without.P99)
			}
			slices.Sort(p50)
			slices.Sort(p99)
			slices.Sort(alone)
			b.ReportMetric(alone[len(alone)/2]/1e3, "p99-alone-us")
			b.ReportMetric(p50[len(p50)/2], "p50-ratio")
			b.ReportMetric(p99[len(p99)/2], "p99-ratio")
		})
	}
}

// BenchmarkRecorder_AlwaysOn holds a camera of 30 MB/s and an IMU of 1 kHz in memory before a trigger that does not come.
func BenchmarkRecorder_AlwaysOn(b *testing.B) {
	for range b.N {
		d := domain(b)
		path := tmpfsFile(b)
		recorder := startChild(b, d, role{Path: path, Options: measuredOptions{Trigger: true, Compression: mcapfile.Uncompressed}})
		publisher := startChild(b, d, role{Streams: []stream{{Topic: "camera", Size: 1_000_000, Rate: 30, Depth: 16}, {Topic: "imu", Size: 300, Rate: 1000, Depth: 64}}})
		time.Sleep(*recordTime)
		publisher.end()
		rec := recorder.end()
		files, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(files) > 0 {
			b.Errorf("on the disk: %v, %v", files, err)
		}
		b.ReportMetric(100*rec.CPU/recordTime.Seconds(), "cpu-%")
		b.ReportMetric(float64(rec.Summary.Lost), "lost")
		b.ReportMetric(rec.RSS, "MiB")
	}
}
