//go:build linux

package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// joinRepeatedly joins and leaves again and again, and reads the domain each time as a new participant.
func (w *eventRecorder) joinRepeatedly(ctx context.Context) error {
	for ctx.Err() == nil {
		p, err := topic.Join(&topic.Options{Unit: "newcomer"})
		if err != nil {
			var registryFile *registry.CorruptError // the harness repairs the registry file
			var version *registry.VersionError
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

// adversaryPeerRole subscribes to every topic of the adversaries, by every receive call, and publishes the topic that they subscribe to.
// A target publisher is among its publishers, and a target subscriber among its subscribers. For each participant's number on its
// standard input the role reports how often that participant was named. After a zero comes the number of samples of the target
// publisher: the role reports its peerReport when it has accounted for so many.
func adversaryPeerRole([]string) error {
	p, err := topic.Join(&topic.Options{Unit: "exposed"})
	if err != nil {
		return err
	}
	defer p.Close()
	w := &eventRecorder{e: peerReport{Kinds: map[string]int{}}, named: map[registry.ID]int{}}
	mu, e := &w.mu, &w.e
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var work sync.WaitGroup
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
	if err := report("ready"); err != nil {
		return err
	}
	if err := honest.waitConnected(); err != nil {
		return err
	}
	before := measure()
	honestly, enough := context.WithCancel(ctx)
	defer enough()
	work.Go(func() { orExit(honest.publish(honestly)) })
	work.Go(func() { orExit(honest.receive(ctx)) })
	work.Go(func() { orExit(w.joinRepeatedly(ctx)) })
	work.Go(func() { w.watchMemory(ctx) })
	told, asked := readNumbers()
	for id := range told {
		if id == 0 {
			break
		}
		if err := report(w.timesNamed(registry.ID(id))); err != nil {
			return err
		}
	}
	enough()
	for all := <-told; honest.accounted.Load() < all; {
		time.Sleep(time.Millisecond)
	}
	cancel()
	work.Wait()
	e.Named, e.Published, e.Target = len(w.named), honest.published, honest.got
	e.Before, e.After = before, measure()
	if err := report(e); err != nil {
		return err
	}
	<-asked
	return nil
}

// orExit ends the process with an error, if it is one.
func orExit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
