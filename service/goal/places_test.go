//go:build linux

package goal

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// A goroutine that has followed a goal may return later than the application knows of the end. The next goal waits for its place.
func TestStart_WaitsForThePlaceOfAnEndedGoal(t *testing.T) {
	p, err := topic.Join(&topic.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	server, err := NewServer(t.Context(), p, "arm/move", func(_ context.Context, g *Goal[int, int]) (int, error) {
		if g.Value() < 0 {
			return 0, errors.New("negative")
		}
		return g.Value(), nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, err := NewClient(t.Context(), p, "arm/move", &ClientOptions[int, int, int]{MaxGoals: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.places <- struct{}{} // of a goal that has ended
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := c.Start(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a place: %v", err)
	}
	started := make(chan error)
	go func() {
		h, err := c.Start(t.Context(), 1)
		if err == nil {
			_, err = h.Result(t.Context())
		}
		started <- err
	}()
	select {
	case err := <-started:
		t.Fatalf("it began without a place, %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	<-c.places
	if err := <-started; err != nil {
		t.Error(err)
	}
	for n := range 100 {
		h, err := c.Start(t.Context(), -n)
		if err == nil {
			_, err = h.Result(t.Context())
		}
		if errors.Is(err, ErrBusy) {
			t.Fatalf("after %d goals that have ended: %v", n+1, err)
		}
	}
}
