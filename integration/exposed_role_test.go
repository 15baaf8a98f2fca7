//go:build linux

package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// newcomers joins again and again and looks at what is there as somebody who sees it for the first time.
func (w *chronicler) newcomers(ctx context.Context) error {
	for ctx.Err() == nil {
		p, err := topic.Join(&topic.Options{Unit: "newcomer"})
		if err != nil {
			var registryFile *registry.CorruptError // it is nobody's, and mended
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
					w.hear(ev)
				}
			}
		}()
		if sub, err := topic.NewSubscriber(p, "hostile/**", &topic.SubscriberOptions[[]byte]{History: 16}); err == nil {
			var b []byte
			for range 64 {
				if s, ok := sub.TryReceive(); ok {
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

// exposedRole subscribes to all that hostile participants publish, in every way there is, and publishes what they subscribe to.
// Told of a participant, it reports how often that one was named.
func exposedRole([]string) error {
	p, err := topic.Join(&topic.Options{Unit: "exposed"})
	if err != nil {
		return err
	}
	defer p.Close()
	w := &chronicler{e: exposure{Kinds: map[string]int{}}, named: map[registry.ID]int{}}
	mu, e := &w.mu, &w.e
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() {
		for ev := range p.Events(ctx) {
			w.hear(ev)
		}
	})
	work.Go(func() { w.watch(ctx) })
	work.Go(func() {
		if err := w.newcomers(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	})
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		e.Received += uint64(n)
	}
	subscribe := func(take func(ctx context.Context, sub *topic.Subscriber[[]byte]) error) error {
		sub, err := topic.NewSubscriber[[]byte](p, "hostile/**", nil)
		if err != nil {
			return err
		}
		work.Go(func() {
			if err := take(ctx, sub); err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
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
				if s, ok := sub.Latest(); ok {
					b, _ = s.AppendTo(b[:0])
					s.Release()
				}
				if s, ok := sub.TryReceive(); ok {
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
	values, err := topic.NewSubscriber[noted](p, "hostile/typed", nil)
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
	pub, err := topic.NewPublisher(p, "bait", &topic.PublisherOptions[[]byte]{MemoryLimit: 16 << 20})
	if err != nil {
		return err
	}
	work.Go(func() {
		b := make([]byte, 5000)
		var space *shmtransport.NoSpaceError
		for i := 0; ctx.Err() == nil; i++ {
			brief, stop := context.WithTimeout(ctx, 50*time.Millisecond)
			_, err := pub.Publish(brief, b[:1+i*37%len(b)])
			stop()
			if err == nil {
				mu.Lock()
				e.Published++
				mu.Unlock()
			} else if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) && !errors.As(err, &space) {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			time.Sleep(100 * time.Microsecond)
		}
	})
	if err := report("ready"); err != nil {
		return err
	}
	told, asked := orders()
	for id := range told {
		if err := report(w.howOften(registry.ID(id))); err != nil {
			return err
		}
	}
	<-asked
	cancel()
	work.Wait()
	e.Named, e.Goroutines = len(w.named), runtime.NumGoroutine()
	if list, err := os.ReadDir("/proc/self/fd"); err == nil {
		e.Descriptors = len(list)
	}
	if maps, err := os.ReadFile("/proc/self/maps"); err == nil {
		e.Maps = strings.Count(string(maps), "\n")
	}
	return report(e)
}
