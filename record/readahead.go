package record

import (
	"context"
	"sync"
)

// An aheadReader reads the file while earlier messages are played, so that disk access and decompression do not affect the
// timing.
type aheadReader struct {
	messages chan *playMessage // closed after the last
	err      error             // valid when messages is closed
	starved  uint64            // messages that next had to wait for; for the goroutine that calls it

	mu    sync.Mutex
	freed sync.Cond
	held  int // bytes of messages that are read and not done
	ended bool
}

// Limits for reading ahead, in bytes of payload and in messages.
const (
	aheadBytes    = 64 << 20
	aheadMessages = 1024
)

// readAhead starts to read the messages from a time on. The end of ctx stops it.
func readAhead(ctx context.Context, files *playFiles, from uint64) *aheadReader {
	a := &aheadReader{messages: make(chan *playMessage, aheadMessages)}
	a.freed.L = &a.mu
	context.AfterFunc(ctx, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.ended = true
		a.freed.Broadcast()
	})
	go func() {
		defer close(a.messages)
		for m, err := range files.from(from, a.reserve) {
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

// reserve waits until n more bytes may be held. It does not wait if no bytes are held.
func (a *aheadReader) reserve(n int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.ended && a.held > 0 && a.held+n > aheadBytes {
		a.freed.Wait()
	}
	a.held += n
	return !a.ended
}

// next returns the next message, nil after the last one.
func (a *aheadReader) next(ctx context.Context) (*playMessage, error) {
	waits := len(a.messages) == 0
	select {
	case m, ok := <-a.messages:
		if ok {
			if waits {
				a.starved++
			}
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

// done releases a message.
func (a *aheadReader) done(m *playMessage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held -= len(m.Data)
	a.freed.Signal()
}

// drain waits until the file is no longer read. The context must have ended.
func (a *aheadReader) drain() {
	for range a.messages {
	}
}
