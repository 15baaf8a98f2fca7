//go:build linux

package adversary

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// joinRepeatedly joins and leaves again and again, and reads the domain each time as a new participant.
func (w *eventRecorder) joinRepeatedly(ctx context.Context) error {
	for ctx.Err() == nil {
		p, err := topic.Join(&topic.Options{Unit: "newcomer"})
		if err != nil {
			var registryFile *topic.CorruptError // the harness repairs the registry file
			var version *topic.VersionError
			if errors.As(err, &registryFile) || errors.As(err, &version) || strings.Contains(err.Error(), "/registry") {
				time.Sleep(time.Millisecond)
				continue
			}
			return err
		}
		heard := make(chan struct{})
		go func() {
			defer close(heard)
			for ev := range p.Events(context.Background()) {
				if ev.Kind != topic.Joined {
					w.record(ev)
				}
			}
		}()
		if sub, err := topic.NewSubscriber(ctx, p, "hostile/**", &topic.SubscriberOptions[[]byte]{History: 16}); err == nil {
			var b []byte
			for range 64 {
				if s, ok, _ := sub.TryReceive(); ok {
					b, _ = s.AppendTo(b[:0])
					s.Release()
				}
			}
		}
		time.Sleep(5 * time.Millisecond)
		if err := p.Close(); err != nil {
			return err
		}
		<-heard
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// A peerRequest starts a peer, which subscribes to every topic of the adversaries, by every receive call, and publishes the topic that they
// subscribe to. A target publisher is among its publishers, and a target subscriber among its subscribers.
type peerRequest struct{}

// A peer is what the calls of a peer need.
type peer struct {
	recorder *eventRecorder
	honest   *adversaryTarget
	before   usage
	enough   context.CancelFunc // ends the target's publishing
	cancel   context.CancelFunc // ends all else
	work     sync.WaitGroup
}

// timesNamed returns how often a participant was named.
type timesNamed struct{ ID uint64 } // a registry.ID

func (c timesNamed) Run(_ context.Context, s *peer) (int, error) {
	return s.recorder.timesNamed(registry.ID(c.ID)), nil
}

// finishPeer ends the peer's work when it has accounted for so many samples of the target publisher, and returns its report.
type finishPeer struct{ TargetSamples uint64 }

func (c finishPeer) Run(_ context.Context, s *peer) (peerReport, error) {
	s.enough()
	for s.honest.accounted.Load() < c.TargetSamples {
		time.Sleep(time.Millisecond)
	}
	s.cancel()
	s.work.Wait()
	e := s.recorder.e
	e.Named, e.Published, e.Target = len(s.recorder.named), s.honest.published, s.honest.got
	e.Before, e.After = s.before, measure()
	return e, nil
}

func runPeer(stop context.Context, parent *subproc.Parent, _ peerRequest) error {
	p, err := topic.Join(&topic.Options{Unit: "exposed"})
	if err != nil {
		return err
	}
	defer p.Close()
	w := &eventRecorder{e: peerReport{Kinds: map[string]int{}}, named: map[registry.ID]int{}}
	mu, e := &w.mu, &w.e
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	state := &peer{recorder: w, cancel: cancel}
	work := &state.work
	work.Go(func() {
		for ev := range p.Events(ctx) {
			w.record(ev)
		}
	})
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		e.Received += uint64(n)
	}
	subscribe := func(take func(ctx context.Context, sub *topic.Subscriber[[]byte]) error) error {
		sub, err := topic.NewSubscriber[[]byte](ctx, p, "hostile/**", nil)
		if err != nil {
			return err
		}
		work.Go(func() {
			if err := take(ctx, sub); ctx.Err() == nil {
				orExit(err)
			}
			sub.Close()
		})
		return nil
	}
	err = errors.Join(
		subscribe(func(ctx context.Context, sub *topic.Subscriber[[]byte]) error {
			return sub.Handle(ctx, func(s topic.Sample[[]byte]) {
				sum := byte(0)
				for _, c := range s.Bytes() {
					sum += c
				}
				count(1)
			})
		}),
		subscribe(func(ctx context.Context, sub *topic.Subscriber[[]byte]) error {
			buf := make([]topic.Sample[[]byte], 16)
			var b []byte
			for {
				n, err := sub.ReceiveBatch(ctx, buf)
				if err != nil {
					return err
				}
				for _, s := range buf[:n] {
					b, _ = s.AppendTo(b[:0])
					s.Release()
				}
				count(n)
			}
		}),
		subscribe(func(ctx context.Context, sub *topic.Subscriber[[]byte]) error {
			var b []byte
			for ctx.Err() == nil {
				if s, ok, _ := sub.Latest(); ok {
					b, _ = s.AppendTo(b[:0])
					s.Release()
				}
				if s, ok, _ := sub.TryReceive(); ok {
					b, _ = s.AppendTo(b[:0])
					s.Release()
					count(1)
				}
				sub.Publishers()
				time.Sleep(100 * time.Microsecond)
			}
			return nil
		}),
	)
	if err != nil {
		return err
	}
	values, err := topic.NewSubscriber[typedText](ctx, p, "hostile/typed", nil)
	if err != nil {
		return err
	}
	work.Go(func() {
		for {
			s, err := values.Receive(ctx)
			if err != nil {
				return
			}
			s.Value()
			s.Release()
		}
	})
	honest, err := newAdversaryTarget(p)
	if err != nil {
		return err
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	if err := honest.waitConnected(); err != nil {
		return err
	}
	state.honest, state.before = honest, measure()
	honestly, enough := context.WithCancel(ctx)
	defer enough()
	state.enough = enough
	work.Go(func() { orExit(honest.publish(honestly)) })
	work.Go(func() { orExit(honest.receive(ctx)) })
	work.Go(func() { orExit(w.joinRepeatedly(ctx)) })
	work.Go(func() { w.watchMemory(ctx) })
	return harness.Serve(stop, parent, state, []harness.Handler[*peer]{harness.On(timesNamed{}), harness.On(finishPeer{})})
}

// orExit ends the process with an error, if it is one.
func orExit(err error) {
	if err != nil {
		harness.Exit(err)
	}
}
