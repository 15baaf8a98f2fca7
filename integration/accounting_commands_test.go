//go:build linux && shmbus_failpoints

package integration

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

func (w *accountingSubscriber) execute(words []string) (e accountingReply, err error) {
	defer func() {
		if err == nil && words[0] == "advance" {
			w.mu.Lock()
			w.holding = true
			w.mu.Unlock()
		}
	}()
	switch words[0] {
	case "advance": // PUBLISHER N: until both that account for it have so many more of it
		want, _ := strconv.ParseUint(words[2], 10, 64)
		var was [2]uint64
		for i := range was {
			was[i] = w.lastOf(w.subscriptions[i], words[1])
		}
		return e, w.waitUntil(func() bool {
			return w.lastOf(w.subscriptions[0], words[1]) >= was[0]+want && w.lastOf(w.subscriptions[1], words[1]) >= was[1]+want
		})
	case "count": // PUBLISHER: what became of it until now, where all is to come
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, a := range w.subscriptions[0].tally {
			if a.Publisher == words[1] {
				e.Accounts = append(e.Accounts, *a)
			}
		}
		return e, nil
	case "figures": // INODE
		return e, e.measureResources(words[1])
	case "settle": // PUBLISHER SEQUENCE N: when that much of it, and N samples of others that are gone, are accounted for
		seq, _ := strconv.ParseUint(words[2], 10, 64)
		others, _ := strconv.ParseUint(words[3], 10, 64)
		w.mu.Lock()
		w.holding = false
		w.mu.Unlock()
		w.releaseHeld()
		err := w.waitUntil(func() bool {
			for _, x := range w.subscriptions[:2] {
				if x.sub.Publishers() != 1 || w.lastOf(x, words[1]) != seq || w.others(x, words[1]) < others {
					return false
				}
			}
			return true
		})
		e.Accounts = w.settle(words[1])
		if err != nil {
			return e, fmt.Errorf("%w: %+v", err, e.Accounts)
		}
		return e, nil
	}
	return e, nil
}

func (w *accountingSubscriber) waitUntil(done func() bool) error {
	for begin := time.Now(); !done(); time.Sleep(200 * time.Microsecond) {
		if time.Since(begin) > waitLimit/2 {
			return errors.New("it does not come to that")
		}
	}
	return nil
}

func (w *accountingSubscriber) lastOf(x *accountedSubscription, publisher string) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range x.tally {
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
	for _, a := range x.tally {
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
		for id, a := range maps.Clone(x.tally) {
			all = append(all, *a)
			if a.Publisher != but {
				delete(x.tally, id)
			}
		}
	}
	slices.SortFunc(all, func(a, b account) int { return cmp.Compare(a.Subscription, b.Subscription) })
	return all
}
