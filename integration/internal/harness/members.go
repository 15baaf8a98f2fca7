//go:build linux

package harness

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// MemberChurn is the request of a process with members that join, publish or subscribe for a moment, and leave, over and over.
type MemberChurn struct{ Members int }

// MemberChurnRole is the role of MemberChurn.
func MemberChurnRole() Role { return RoleOf(churnMembers) }

func churnMembers(stop context.Context, parent *subproc.Parent, r MemberChurn) error {
	ill := make(chan error, r.Members)
	ctx, cancel := context.WithCancel(stop)
	defer cancel()
	var work sync.WaitGroup
	for i := range r.Members {
		work.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := joinBriefly(ctx, i, n); err != nil {
					ill <- err
					return
				}
			}
		})
	}
	return WorkUntilAsked(stop, parent, cancel, &work, ill)
}

// joinBriefly is one stay of one member in the domain.
func joinBriefly(ctx context.Context, i, n int) error {
	p, err := topic.Join(&topic.Options{Unit: "throng"})
	if err != nil {
		return err
	}
	defer p.Close()
	name := fmt.Sprintf("throng/%d", i/2)
	stay, cancel := context.WithTimeout(ctx, time.Duration(50+37*(i+n)%250)*time.Millisecond)
	defer cancel()
	if i%2 == 0 {
		pub, err := topic.NewPublisher(ctx, p, name, &topic.PublisherOptions[[]byte]{Depth: 1024})
		if err != nil {
			return err
		}
		for stay.Err() == nil {
			if _, err := pub.Publish(context.Background(), make([]byte, 50+200*(n%3))); err != nil {
				return err
			}
			time.Sleep(5 * time.Millisecond)
		}
		return nil
	}
	sub, err := topic.NewSubscriber(ctx, p, name, &topic.SubscriberOptions[[]byte]{Lossless: n%2 == 0})
	if err != nil {
		return err
	}
	for stay.Err() == nil {
		if s, err := sub.Receive(stay); err == nil {
			s.Release()
		}
	}
	return nil
}
