//go:build linux && shmbus_failpoints

package crash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

// advance waits until both subscriptions that account for every sample have so many more of a publisher.
type advance struct {
	Publisher string
	N         uint64
}

func (c advance) Run(_ context.Context, w *accountingSubscriber) (struct{}, error) {
	var was [2]uint64
	for i := range was {
		was[i] = w.lastOf(w.subscriptions[i], c.Publisher)
	}
	err := w.waitUntil(func() bool {
		return w.lastOf(w.subscriptions[0], c.Publisher) >= was[0]+c.N && w.lastOf(w.subscriptions[1], c.Publisher) >= was[1]+c.N
	})
	if err == nil {
		w.mu.Lock()
		w.holding = true
		w.mu.Unlock()
	}
	return struct{}{}, err
}

// countReceived returns the account of a publisher at the lossless subscription, so far.
type countReceived struct{ Publisher string }

func (c countReceived) Run(_ context.Context, w *accountingSubscriber) (account, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.subscriptions[0].accounts {
		if a.Publisher == c.Publisher {
			return *a, nil
		}
	}
	return account{}, errors.New("there is no sample of it")
}

// subscriberResources returns the resources of the process, without mappings of a file.
type subscriberResources struct{ Inode string }

func (c subscriberResources) Run(context.Context, *accountingSubscriber) (resources, error) {
	return measureResources(c.Inode)
}

// settle releases what is held and returns all accounts, once the samples of a publisher up to a sequence, and so many of publishers that
// are gone, are accounted for.
type settle struct {
	Publisher string
	Sequence  uint64
	Others    uint64
}

func (c settle) Run(_ context.Context, w *accountingSubscriber) ([]account, error) {
	w.mu.Lock()
	w.holding = false
	w.mu.Unlock()
	w.releaseHeld()
	err := w.waitUntil(func() bool {
		for _, x := range w.subscriptions[:2] {
			if x.sub.Publishers() != 1 || w.lastOf(x, c.Publisher) != c.Sequence || w.others(x, c.Publisher) < c.Others {
				return false
			}
		}
		return true
	})
	all := w.settle(c.Publisher)
	if err != nil {
		return all, fmt.Errorf("%w: %+v", err, all)
	}
	return all, nil
}

func (w *accountingSubscriber) waitUntil(done func() bool) error {
	for begin := time.Now(); !done(); time.Sleep(200 * time.Microsecond) {
		if time.Since(begin) > harness.WaitLimit/2 {
			return errors.New("the samples do not come")
		}
	}
	return nil
}

func (w *accountingSubscriber) lastOf(x *accountedSubscription, publisher string) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range x.accounts {
		if a.Publisher == publisher {
			return a.Last
		}
	}
	return 0
}

// others is how many samples of all publishers but one were received or lost since the last settling.
func (w *accountingSubscriber) others(x *accountedSubscription, but string) (n uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range x.accounts {
		if a.Publisher != but {
			n += a.Received + a.Lost
		}
	}
	return n + w.tailLoss(x)
}

// tailLoss is what was lost after the last sample of a publisher that is gone: only the figures have it. Called with mu held.
func (w *accountingSubscriber) tailLoss(x *accountedSubscription) uint64 {
	if figures := x.sub.Stats(); figures.Messages == x.received {
		return figures.Lost - x.gaps - x.reported
	}
	return 0
}

// settle returns all accounts, and forgets those of publishers that are gone.
func (w *accountingSubscriber) settle(but string) (all []account) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.subscriptions[:2] {
		all = append(all, account{Subscription: x.name, Lost: w.tailLoss(x)})
		x.reported += w.tailLoss(x)
		for id, a := range maps.Clone(x.accounts) {
			all = append(all, *a)
			if a.Publisher != but {
				delete(x.accounts, id)
			}
		}
	}
	slices.SortFunc(all, func(a, b account) int { return cmp.Compare(a.Subscription, b.Subscription) })
	return all
}
