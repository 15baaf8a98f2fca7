//go:build linux && shmbus_failpoints

package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// An account counts one publisher's samples at one of the accounting subscriptions.
type account struct {
	Subscription string
	Publisher    string
	Received     uint64
	Lost         uint64 // what the next sample said, or, of a publisher that is gone, the figures
	Last         uint64 // sequence
}

// accountingReply is the reply of a survivor.
type accountingReply struct {
	Number    uint64
	Text      string
	Accounts  []account
	Resources *resources
}

// The steady publisher.
const (
	steadySlot  = 1024 // bytes that each of its slots takes
	steadySlots = 128  // as many as its limit has room for
)

// steadyPublisher publishes on "load" until the command to pause: bursts of samples in entries and in slots, by every publish call.
type steadyPublisher struct {
	ctx context.Context
	pub *topic.Publisher[[]byte]

	mu     sync.Mutex // held during a burst
	paused bool
	sent   uint64
}

func steadyRole([]string) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	pub, err := topic.NewPublisher(context.Background(), p, "load", &topic.PublisherOptions[[]byte]{MemoryLimit: steadySlots * steadySlot})
	if err != nil {
		return err
	}
	s := &steadyPublisher{ctx: context.Background(), pub: pub, paused: true}
	go s.run()
	if err := serve(s.execute); err != nil {
		return err
	}
	s.mu.Lock() // for ever
	return p.Close()
}

// serve executes one command a line and reports the reply.
func serve(handle func(words []string) (accountingReply, error)) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		e, err := handle(strings.Fields(lines.Text()))
		if err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
		if err := report(e); err != nil {
			return err
		}
	}
	return nil
}

// fatal ends a process whose accounts are no longer valid.
func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func (s *steadyPublisher) run() {
	for i := 0; ; i++ {
		s.mu.Lock()
		if !s.paused {
			if err := s.burst(i); err != nil {
				fatal(err)
			}
		}
		s.mu.Unlock()
		time.Sleep(500 * time.Microsecond)
	}
}

func (s *steadyPublisher) payload(seq uint64) []byte {
	n := 8 + int(seq*7%97)
	if seq%3 == 0 {
		n = 449 + int(seq*11%500)
	}
	b := make([]byte, n)
	fill(b, stamp(seq, n))
	return b
}

func (s *steadyPublisher) burst(i int) error {
	const n = 12
	if i%3 == 0 {
		var all [][]byte
		for k := range n {
			all = append(all, s.payload(s.sent+1+uint64(k)))
		}
		k, err := s.pub.PublishBatch(s.ctx, all)
		s.sent += uint64(k)
		return err
	}
	for range n {
		b := s.payload(s.sent + 1)
		if i%3 == 1 {
			if _, err := s.pub.Publish(s.ctx, b); err != nil {
				return err
			}
		} else {
			loan, err := s.pub.Loan(s.ctx, max(len(b), 449))
			if err != nil {
				return err
			}
			if _, err := loan.Commit(s.ctx, copy(loan.Bytes(), b)); err != nil {
				return err
			}
		}
		s.sent++
	}
	return nil
}

func (s *steadyPublisher) execute(words []string) (e accountingReply, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch words[0] {
	case "id":
		e.Text = s.pub.ID().String()
	case "pause", "resume":
		s.paused = words[0] == "pause"
		e.Number = s.sent
	case "figures": // INODE
		return e, e.measureResources(words[1])
	case "fill": // N: how many slots there are to be had at once
		return e, s.until(words[1], &e.Number, s.fill)
	case "subscribers": // N
		return e, s.until(words[1], &e.Number, func() (uint64, error) { return uint64(s.pub.Subscribers()), nil })
	}
	return e, nil
}

// until polls a number until it is the wanted one, because the processes learn of a death at different times. It gives up after a
// quarter of waitLimit.
func (s *steadyPublisher) until(wanted string, n *uint64, ask func() (uint64, error)) (err error) {
	want, _ := strconv.ParseUint(wanted, 10, 64)
	for begin := time.Now(); time.Since(begin) < waitLimit/4; time.Sleep(time.Millisecond) {
		if *n, err = ask(); err != nil || *n == want {
			return err
		}
	}
	return nil
}

// fill borrows slots until there are no more, and gives them back.
func (s *steadyPublisher) fill() (n uint64, err error) {
	var loans []topic.Loan
	for {
		loan, err := s.pub.Loan(s.ctx, 900)
		if errors.As(err, new(*shmtransport.NoSpaceError)) {
			break
		}
		if err != nil {
			return 0, err
		}
		loans = append(loans, loan)
	}
	for _, l := range loans {
		l.Discard()
	}
	return uint64(len(loans)), nil
}
