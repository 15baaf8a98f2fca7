package record

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// The end of a recording of 4,000 publishers of one process, which are one participant or 40. ms-topics is the part of the end that looks for
// topics without messages.
func BenchmarkRecorder_End(b *testing.B) {
	const publishers = 4000
	for _, participants := range []int{1, 40} {
		b.Run(fmt.Sprintf("participants=%d", participants), func(b *testing.B) {
			d := domain(b)
			for i := range participants {
				p := join(b, d)
				for k := range publishers / participants {
					publisher(b, p, fmt.Sprintf("t%d/%d", i, k), &topic.PublisherOptions[string]{Depth: 8})
				}
			}
			p := join(b, d)
			var ending, looking time.Duration
			for b.Loop() {
				rec, err := Start(b.Context(), p, filepath.Join(b.TempDir(), "f.mcap"), &RecordOptions{})
				if err != nil {
					b.Fatal(err)
				}
				time.Sleep(time.Second)
				began := time.Now()
				rec.Stop()
				if _, err := rec.Wait(); err != nil {
					b.Fatal(err)
				}
				ending += time.Since(began)
				began = time.Now()
				if _, err := rec.addIdleTopics(); err != nil {
					b.Fatal(err)
				}
				looking += time.Since(began)
			}
			b.ReportMetric(ending.Seconds()/float64(b.N)*1000, "ms-end")
			b.ReportMetric(looking.Seconds()/float64(b.N)*1000, "ms-topics")
		})
	}
}
