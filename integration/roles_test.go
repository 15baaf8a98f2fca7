//go:build linux

package integration

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/topic"
)

func roles() map[string]role {
	all := map[string]role{"publish": publishRole, "subscribe": subscribeRole, "agent": agentRole, "endpoint-churn": endpointChurnRole, "counted": countedRole,
		"doctor-fixture": doctorFixtureRole, "member-churn": memberChurnRole, "lock-holder": lockHolderRole,
		"attempt": attemptRole, "squatted": squattedRole, "access": accessRole, "no-space-publish": noSpacePublishRole, "no-space-join": noSpaceJoinRole, "fill": fillRole, "reuse": reuseRole, "default": defaultRole, "idle": idleRole,
		"reading-attack": readingAttackRole, "old-kernel": oldKernelRole, "quiet": quietRole, "reader-churn": readerChurnRole,
		"adversary": adversaryRole, "adversary-peer": adversaryPeerRole, "joiner": joinerRole}
	maps.Copy(all, failpointRoles())
	return all
}

// tally is what a subscriber saw.
type tally struct {
	Received, Lost uint64
	Publishers     int           // distinct ones, in the last report
	Heard          int           // distinct ones so far
	Last           uint64        // sequence of the newest sample
	Took           time.Duration // from the first sample to the last
}

// fill writes a payload of n bytes that tells its own sequence in every word.
func fill(b []byte, seq uint64) {
	for i := range b {
		b[i] = byte(seq>>(8*(i%8))) ^ byte(i/8)
	}
}

// check reports whether b is what fill writes.
func check(b []byte, seq uint64) error {
	for i, c := range b {
		if c != byte(seq>>(8*(i%8)))^byte(i/8) {
			return fmt.Errorf("sample %d: byte %d of %d is wrong", seq, i, len(b))
		}
	}
	return nil
}

// sizes of the payloads that "grow" cycles through, so that slots are outgrown while everybody reads.
func size(fixed int, grow bool, seq uint64) int {
	if !grow {
		return fixed
	}
	step := seq / 500
	return int((seq*7919)%64) + 64<<min(step, 11)
}

// publishRole publishes flat out: -count samples, or until asked to stop.
func publishRole(args []string) error {
	f := flag.NewFlagSet("publish", flag.ContinueOnError)
	name := f.String("topic", "load", "")
	count := f.Uint64("count", 0, "")
	payload := f.Int("size", 64, "")
	grow := f.Bool("grow", false, "")
	depth := f.Int("depth", 16, "")
	limit := f.Int64("limit", 0, "bytes of slots")
	subscribers := f.Int("subscribers", 0, "wait for so many before the first sample")
	pause := f.Duration("pause", 0, "between samples")
	if err := f.Parse(args); err != nil {
		return err
	}
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	pub, err := topic.NewPublisher(context.Background(), p, *name, &topic.PublisherOptions[[]byte]{Depth: *depth, MemoryLimit: *limit})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := pub.WaitSubscribers(ctx, *subscribers); err != nil {
		return err
	}
	if err := report("ready"); err != nil {
		return err
	}
	asked := stdinClosed()
	b := make([]byte, 1<<20)
	seq := uint64(0)
	for *count == 0 || seq < *count {
		if ended(asked) {
			break // it may not have begun
		}
		seq++
		n := size(*payload, *grow, seq)
		fill(b[:n], seq)
		if _, err := pub.Publish(ctx, b[:n]); err != nil {
			return fmt.Errorf("publish %d: %w", seq, err)
		}
		time.Sleep(*pause)
	}
	if err := pub.Close(); err != nil {
		return err
	}
	if err := report(seq); err != nil {
		return err
	}
	<-asked
	return nil
}

func ended(asked <-chan struct{}) bool {
	select {
	case <-asked:
		return true
	default:
		return false
	}
}

// subscribeRole checks every sample it gets and reports its tally when all samples are accounted for, -count of them or as
// many as the parent says on standard input, or when it is asked to stop.
func subscribeRole(args []string) error {
	f := flag.NewFlagSet("subscribe", flag.ContinueOnError)
	name := f.String("topic", "load", "")
	count := f.Uint64("count", 0, "received and lost, of all publishers")
	lossless := f.Bool("lossless", false, "")
	hold := f.Int("hold", 0, "samples to keep before releasing the oldest")
	publishers := f.Int("publishers", 0, "wait for so many before ready")
	every := f.Uint64("progress", 0, "report the tally each time so many were received")
	if err := f.Parse(args); err != nil {
		return err
	}
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	sub, err := topic.NewSubscriber(context.Background(), p, *name, &topic.SubscriberOptions[[]byte]{Lossless: *lossless})
	if err != nil {
		return err
	}
	told, asked := readNumbers()
	ctx, cancel := context.WithCancel(context.Background())
	var target atomic.Uint64
	target.Store(*count)
	go func() {
		if n, ok := <-told; ok {
			target.Store(n)
		}
		cancel()
	}()
	if err := sub.WaitPublishers(ctx, *publishers); err != nil {
		return err
	}
	if err := report("ready"); err != nil {
		return err
	}
	var t tally
	var began time.Time
	last := map[topic.PublisherID]uint64{}
	var held []topic.Sample[[]byte]
	for target.Load() == 0 || t.Received+t.Lost < target.Load() {
		s, err := sub.Receive(ctx)
		if errors.Is(err, context.Canceled) {
			if target.Load() == 0 {
				break
			}
			ctx = context.Background() // told how many there are: they must all come
			continue
		}
		if err != nil {
			return err
		}
		if t.Received == 0 {
			began = time.Now()
		}
		if err := check(s.Bytes(), s.Sequence()); err != nil {
			return err
		}
		if want := last[s.Publisher()] + 1 + s.Lost(); last[s.Publisher()] != 0 && s.Sequence() != want {
			return fmt.Errorf("sequence %d after %d with %d lost", s.Sequence(), last[s.Publisher()], s.Lost())
		}
		last[s.Publisher()] = s.Sequence()
		t.Received++
		t.Lost += s.Lost()
		t.Last = s.Sequence()
		held = append(held, s)
		if len(held) > *hold {
			if err := check(held[0].Bytes(), held[0].Sequence()); err != nil {
				return fmt.Errorf("while held: %w", err)
			}
			held[0].Release()
			held = held[1:]
		}
		t.Heard = len(last)
		if *every > 0 && t.Received%*every == 0 {
			if err := report(t); err != nil {
				return err
			}
		}
	}
	t.Took = time.Since(began)
	t.Publishers = len(last)
	for _, s := range held {
		if err := check(s.Bytes(), s.Sequence()); err != nil {
			return fmt.Errorf("while held: %w", err)
		}
		s.Release()
	}
	if err := report(t); err != nil {
		return err
	}
	<-asked
	return nil
}
