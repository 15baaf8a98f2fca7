package record

import (
	"context"
	"sync"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// An aheadReader reads the file while earlier messages are played, so that the disk and the decompression do not show in
// the timing.
type aheadReader struct {
	messages chan *mcapfile.Message // closed after the last
	err      error                  // valid when messages is closed

	mu    sync.Mutex
	freed sync.Cond
	held  int // bytes read and not done
	ended bool
}

// ahead is how many bytes of payload are read ahead, and at most how many messages.
const (
	aheadBytes    = 64 << 20
	aheadMessages = 1024
)

// readAhead begins to read; the end of ctx ends it.
func readAhead(ctx context.Context, plan *mcapfile.Plan) *aheadReader {
	a := &aheadReader{messages: make(chan *mcapfile.Message, aheadMessages)}
	a.freed.L = &a.mu
	context.AfterFunc(ctx, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.ended = true
		a.freed.Broadcast()
	})
	go func() {
		defer close(a.messages)
		for m, err := range plan.InOrderWithin(a.room) {
			if err != nil {
				a.err = err
				return
			}
			select {
			case a.messages <- &m:
			case <-ctx.Done():
				return
			}
		}
	}()
	return a
}

// room waits until n more bytes may be held, or nothing else is.
func (a *aheadReader) room(n int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.ended && a.held > 0 && a.held+n > aheadBytes {
		a.freed.Wait()
	}
	a.held += n
	return !a.ended
}

// next returns the next message, nil behind the last one.
func (a *aheadReader) next(ctx context.Context) (*mcapfile.Message, error) {
	select {
	case m, ok := <-a.messages:
		if ok {
			return m, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// done says that a message is no longer needed.
func (a *aheadReader) done(m *mcapfile.Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held -= len(m.Data)
	a.freed.Signal()
}

// drain returns when the file is no longer read. The context must have ended.
func (a *aheadReader) drain() {
	for range a.messages {
	}
}
