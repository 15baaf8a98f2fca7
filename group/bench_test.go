package group

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/shmbus/shmbus/topic"
)

// BenchmarkGroup has members acknowledge samples of 64 bytes as they come; none is a lossless subscriber without a group.
func BenchmarkGroup(b *testing.B) {
	for _, members := range []int{0, 1, 2, 4} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			o := domain(b)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			var done sync.WaitGroup
			done.Add(b.N)
			if members == 0 {
				sub, err := topic.NewSubscriber(ctx, participant(b, o), jobs, &topic.SubscriberOptions[[]byte]{Lossless: true})
				if err != nil {
					b.Fatal(err)
				}
				defer sub.Close()
				go func() {
					for {
						s, err := sub.Receive(ctx)
						if err != nil {
							return
						}
						s.Release()
						done.Done()
					}
				}()
			}
			for range members {
				m, err := Join[[]byte](ctx, participant(b, o), jobs, workers, nil)
				if err != nil {
					b.Fatal(err)
				}
				defer m.Close()
				go func() {
					for {
						d, err := m.Receive(ctx)
						if err != nil {
							return
						}
						if d.Ack() != nil {
							return
						}
						done.Done()
					}
				}()
			}
			pub, err := topic.NewPublisher(ctx, participant(b, o), jobs, &topic.PublisherOptions[[]byte]{Depth: 64})
			if err != nil {
				b.Fatal(err)
			}
			payload := make([]byte, 64)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N { // the number must be known, see done
				if _, err := pub.Publish(ctx, payload); err != nil {
					b.Fatal(err)
				}
			}
			done.Wait()
		})
	}
}
