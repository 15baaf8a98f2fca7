package topic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
)

// Whoever closes a participant need not know that somebody else is closing, or using, one of its ends at that moment.
func TestAParticipantClosesWhileItsEndsAreUsedAndClosed(t *testing.T) {
	o := domain(t)
	const ends, rounds = 12, 8
	for range rounds {
		p := join(t, o)
		var together sync.WaitGroup
		begin := make(chan struct{})
		for i := range ends {
			pub := publisher[string](t, p, fmt.Sprintf("t/%d", i), nil)
			sub := subscriber[string](t, p, fmt.Sprintf("t/%d", i), nil)
			for range 2 {
				together.Go(func() {
					<-begin
					if err := sub.Close(); err != nil {
						t.Error(err)
					}
				})
				together.Go(func() {
					<-begin
					if err := pub.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			together.Go(func() {
				<-begin
				for {
					if _, err := pub.Publish(context.Background(), "x"); err != nil {
						if !errors.Is(err, os.ErrClosed) {
							t.Error(err)
						}
						return
					}
				}
			})
			together.Go(func() {
				for m, err := range sub.Samples(context.Background()) {
					if err != nil {
						if !errors.Is(err, os.ErrClosed) {
							t.Error(err)
						}
						return
					}
					_ = m.Bytes()
				}
			})
		}
		together.Go(func() {
			<-begin
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		close(begin)
		together.Wait()
	}
}
