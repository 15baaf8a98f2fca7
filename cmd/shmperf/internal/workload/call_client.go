package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/service"
)

// A callMaker is the state of a client.
type callMaker struct {
	Call
	clock   clock.Clock
	client  *service.Client[[]byte, []byte]
	request []byte
	reader  *payloadReader // of responses
	trips   measure.Recorder
}

func makeCalls(ctx context.Context, w *harness.Worker[Call]) (any, error) {
	m := &callMaker{
		Call: w.Request, clock: clock.New(), request: make([]byte, w.Request.Size), trips: measure.NewRecorder(),
		reader: newPayloadReader(Link{Size: w.Request.ResponseSize, TouchOne: w.Request.TouchOne}),
	}
	fillPayload(m.request, newBlock())
	var err error
	if m.client, err = service.NewClient(ctx, w.Participant, callService, &service.ClientOptions[[]byte, []byte]{Spin: m.spinOfCalls()}); err != nil {
		return nil, err
	}
	defer m.client.Close()
	for range m.Warm {
		if err := m.call(ctx); err != nil {
			return nil, err
		}
	}
	if err := w.Ready(); err != nil {
		return nil, err
	}
	if err := awaitMessage(ctx, w); err != nil {
		return nil, err
	}
	return m.run(ctx)
}

func (m *callMaker) run(ctx context.Context) (made CallMade, err error) {
	m.trips.Reset()
	before, err := measure.ReadUsage()
	if err != nil {
		return made, err
	}
	pace := measure.NewPace(m.Rate)
	made.Began = m.clock.Now()
	for made.Ended = made.Began; m.Count == 0 || made.Count < m.Count; made.Count++ {
		if m.Duration > 0 && time.Duration(made.Ended-made.Began) >= m.Duration {
			break
		}
		if err := pace.Wait(ctx); err != nil {
			return made, err
		}
		if err := m.call(ctx); err != nil {
			return made, err
		}
		made.Ended = m.clock.Now()
	}
	after, err := measure.ReadUsage()
	made.Usage, made.Trips = after.Since(before), m.trips.Result()
	return made, err
}

// call makes and times one call.
func (m *callMaker) call(ctx context.Context) error {
	began := m.clock.Now()
	setHead(m.request, began)
	r, err := m.client.CallRaw(ctx, m.request)
	if err != nil {
		return err
	}
	err = m.reader.read(r.Bytes(), nil)
	r.Release()
	m.trips.Record(m.clock.Now() - began)
	if err == nil && m.Size == m.ResponseSize && m.Size >= headSize && !m.TouchOne && m.reader.stamp != began {
		err = fmt.Errorf("received the response to another call")
	}
	return err
}

// beStuck opens all calls that a client can, and takes no response.
func beStuck(ctx context.Context, w *harness.Worker[Call]) (any, error) {
	c := w.Request
	client, err := service.NewClient[[]byte, []byte](ctx, w.Participant, callService, &service.ClientOptions[[]byte, []byte]{Spin: -1})
	if err != nil {
		return nil, err
	}
	if err := client.WaitForServer(ctx); err != nil { // on a busy machine it may take longer than NewClient waits
		return nil, err
	}
	request := make([]byte, c.Size)
	fillPayload(request, newBlock())
	// The end of the context is found when the request is sent: these calls leave their responses in the ring.
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for range client.Servers()[0].MaxCalls {
		r, err := client.CallRaw(ended, request)
		if err == nil {
			r.Release() // it came before the wait for it began
		} else if !errors.Is(err, context.Canceled) {
			return nil, err
		}
	}
	return nil, w.Ready()
}
