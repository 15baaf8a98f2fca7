//go:build linux

package adversary

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// Topics that targets share with adversaries. A peer publishes on peerTopic, and adversaries subscribe to it. A target
// publishes on targetTopic, which has the prefix of the adversaries' topics.
const (
	peerTopic   = "bait"
	targetTopic = "hostile/honest"
)

// An adversaryRequest starts an adversary, which joins as any participant does, publishes the topics that a peer subscribes to, and
// subscribes to the peer's topic. It replies with its participant's id. After beginAttack it attacks its own files and the registry file,
// until it is killed or one of its own mappings faults.
type adversaryRequest struct {
	Attack string // name
	Seed   uint64
}

// beginAttack is a message to an adversary.
type beginAttack struct{}

func runAdversary(stop context.Context, parent *subproc.Parent, r adversaryRequest) error {
	p, err := topic.Join(&topic.Options{Unit: "hostile"})
	if err != nil {
		return err
	}
	ctx := context.Background()
	sub, err := topic.NewSubscriber(ctx, p, peerTopic, &topic.SubscriberOptions[[]byte]{
		Patterns: []string{targetTopic}, Lossless: r.Seed%2 == 0, LosslessTimeout: 20 * time.Millisecond,
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
	a := &attacker{rand: rand.New(rand.NewPCG(r.Seed, 1)), dir: p.Dir(), own: p.ID().String() + "."}
	if err := a.open(); err != nil {
		return err
	}
	all := attacks()
	k := slices.IndexFunc(all, func(a attack) bool { return a.name == r.Attack })
	if err := parent.Reply(uint64(p.ID())); err != nil {
		return err
	}
	if _, ok := harness.NextMessage[beginAttack](stop, parent); !ok {
		return errors.New("no attack was asked for")
	}
	for {
		all[k].run(a)
		time.Sleep(time.Duration(a.rand.IntN(3000)) * time.Microsecond) // so that something goes well in between
	}
}

// typedText is the type of a value that is published.
type typedText struct{ Text string }
