package record

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// A message that is read before the player asks for it does not count, nor does the end of the file.
func TestAheadReader_Starved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &aheadReader{messages: make(chan *playMessage, 2)}
		next := func(starved uint64, want *playMessage) {
			t.Helper()
			m, err := a.next(t.Context())
			if m != want || err != nil || a.starved != starved {
				t.Errorf("%v, %v, starved %d times, want %d", m, err, a.starved, starved)
			}
		}
		first, second, late := new(playMessage), new(playMessage), new(playMessage)
		a.messages <- first
		a.messages <- second
		next(0, first)
		next(0, second)
		waiting := make(chan bool)
		go func() {
			next(1, late)
			close(waiting)
		}()
		synctest.Wait() // until it waits
		a.messages <- late
		<-waiting
		close(a.messages)
		next(1, nil)
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := a.next(ended); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
