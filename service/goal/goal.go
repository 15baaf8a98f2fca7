package goal

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
)

// A Goal is one goal at its server.
type Goal[G, F any] struct {
	id       ID
	value    G
	caller   registry.Participant
	progress progress

	encoding   sync.Mutex // guards encoder
	encoder    serde.Encoder[F]
	maxPayload int

	ctx    context.Context // of the handler
	cancel context.CancelCauseFunc

	// Guarded by the server's mu.
	decided bool // it was accepted
	clients int  // streams of updates
	expiry  *time.Timer
}

// ID returns the id that the client chose.
func (g *Goal[G, F]) ID() ID { return g.id }

// Value returns what the client wants. It belongs to the handler.
func (g *Goal[G, F]) Value() G { return g.value }

// Caller returns the participant that started the goal, as service.Call.Caller does.
func (g *Goal[G, F]) Caller() registry.Participant { return g.caller }

// Feedback tells clients of the progress. It encodes v before it returns, and never waits for a client: one that is slow gets the newest
// feedback. The error says that v cannot be encoded, or wraps ErrTooLarge or ErrEnded.
func (g *Goal[G, F]) Feedback(v F) error {
	value, err := g.encode(v)
	if err != nil {
		return fmt.Errorf("report feedback of goal %v: %w", g.id, err)
	}
	u := update{state: Running, content: hasFeedback, value: value}.bytes()
	if err := checkSize(u, g.maxPayload); err != nil {
		return fmt.Errorf("report feedback of goal %v: %w", g.id, err)
	}
	if !g.progress.report(u) {
		return fmt.Errorf("report feedback of goal %v: %w", g.id, ErrEnded)
	}
	failpoint.At("goal.feedback")
	return nil
}

func (g *Goal[G, F]) encode(v F) ([]byte, error) {
	g.encoding.Lock()
	defer g.encoding.Unlock()
	return g.encoder.Append(nil, v)
}

// checkSize returns an error if an update is larger than the largest response.
func checkSize(u []byte, maxPayload int) error {
	if size := len(u) + service.HeaderSize; size > maxPayload {
		return fmt.Errorf("%w: %d bytes with headers, at most %d", ErrTooLarge, size, maxPayload)
	}
	return nil
}
