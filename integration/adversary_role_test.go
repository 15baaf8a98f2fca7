//go:build linux

package integration

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// Topics that targets share with adversaries. adversaryPeerRole publishes on peerTopic, and adversaries subscribe to it. A target
// publishes on targetTopic, which has the prefix of the adversaries' topics.
const (
	peerTopic   = "bait"
	targetTopic = "hostile/honest"
)

// adversaryRole joins as any participant does, publishes the topics that adversaryPeerRole subscribes to, and subscribes to that role's
// topic. From a number on its standard input on, the role attacks its own files and the registry file, until the role is killed or one
// of its own mappings faults.
func adversaryRole(args []string) error {
	f := flag.NewFlagSet("adversary", flag.ContinueOnError)
	seed := f.Uint64("seed", 1, "")
	kind := f.String("attack", "mix", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	p, err := topic.Join(&topic.Options{Unit: "hostile"})
	if err != nil {
		return err
	}
	ctx := context.Background()
	sub, err := topic.NewSubscriber(ctx, p, peerTopic, &topic.SubscriberOptions[[]byte]{
		Patterns: []string{targetTopic}, Lossless: *seed%2 == 0, LosslessTimeout: 20 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	pub, err := topic.NewPublisher(ctx, p, "hostile/raw", &topic.PublisherOptions[[]byte]{Latched: true})
	if err != nil {
		return err
	}
	typed, err := topic.NewPublisher(ctx, p, "hostile/typed", &topic.PublisherOptions[typedText]{})
	if err != nil {
		return err
	}
	described, err := topic.NewPublisher(ctx, p, "hostile/described", &topic.PublisherOptions[[]byte]{
		Codec: serde.Opaque(serde.Type{Name: "t", Encoding: "cdr", SchemaEncoding: "ros2msg", Schema: []byte("string data")}),
	})
	if err != nil {
		return err
	}
	go func() {
		large := make([]byte, 300<<10)
		for i := 0; ; i++ {
			n := []int{8, 100, 3000, len(large)}[i%4]
			pub.Publish(ctx, large[:n])
			described.Publish(ctx, large[:n])
			typed.Publish(ctx, typedText{strings.Repeat("x", n%4000)})
			time.Sleep(50 * time.Microsecond)
		}
	}()
	go func() {
		for s, err := range sub.Samples(ctx) {
			if err != nil {
				return
			}
			_ = len(s.Bytes())
		}
	}()
	time.Sleep(20 * time.Millisecond) // so that the files have contents to corrupt
	a := &attacker{rand: rand.New(rand.NewPCG(*seed, 1)), dir: p.Dir(), own: p.ID().String() + "."}
	if err := a.open(); err != nil {
		return err
	}
	all := attacks()
	k := slices.IndexFunc(all, func(a attack) bool { return a.name == *kind })
	if err := errors.Join(report("ready"), report(uint64(p.ID()))); err != nil {
		return err
	}
	told, _ := readNumbers()
	<-told
	for {
		all[k].run(a)
		time.Sleep(time.Duration(a.rand.IntN(3000)) * time.Microsecond) // so that something goes well in between
	}
}

// typedText is the type of a value that is published.
type typedText struct{ Text string }
