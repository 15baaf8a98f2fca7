package workload

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/service"
)

// A callHandler answers calls, several at once.
type callHandler struct {
	Call
	piece    []byte
	response []byte // nil: the request
}

func serveCalls(ctx context.Context, w *harness.Worker[Call]) (any, error) {
	h := callHandler{Call: w.Request, piece: newBlock()}
	if h.ResponseSize != h.Size {
		h.response = make([]byte, h.ResponseSize)
		fillPayload(h.response, h.piece)
	}
	s, err := service.NewServer(ctx, w.Participant, callService, h.answer, &service.ServerOptions[[]byte, []byte]{Spin: h.spinOfCalls()})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := w.Ready(); err != nil {
		return nil, err
	}
	if err := awaitMessage(ctx, w); err != nil {
		return nil, err
	}
	before, err := measure.ReadUsage()
	if err != nil {
		return nil, err
	}
	if err := awaitMessage(ctx, w); err != nil {
		return nil, err
	}
	after, err := measure.ReadUsage()
	return after.Since(before), err
}

// awaitMessage waits for a message of the parent.
func awaitMessage(ctx context.Context, w *harness.Worker[Call]) error {
	select {
	case <-w.Messages():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// answer reads the request, and returns it or the prepared response.
func (h *callHandler) answer(_ context.Context, call *service.Call[[]byte, []byte]) ([]byte, error) {
	b := call.Request()
	if len(b) != h.Size {
		return nil, fmt.Errorf("received %d bytes of %d", len(b), h.Size)
	}
	if !h.TouchOne && !isWhole(b, h.piece, nil) {
		return nil, fmt.Errorf("received %d bytes that are not those that were sent", len(b))
	}
	if h.response == nil {
		return b, nil
	}
	return h.response, nil
}
