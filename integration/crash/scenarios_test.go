//go:build linux && shmbus_failpoints

package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// A scenario is the phases of a victim, which pass every step of its protocols.
type scenario struct {
	name   string
	phases []phase
}

type phase struct {
	name string
	do   func(*victim) error
}

func scenarios() []scenario {
	join := phase{"join", (*victim).join}
	leave := phase{"leave", (*victim).leave}
	return []scenario{
		{"publisher", []phase{join,
			{"advertise", (*victim).advertise}, {"small", (*victim).small}, {"slots", (*victim).slots}, {"batches", (*victim).batches},
			{"loans", (*victim).loans}, {"at the limit", (*victim).atTheLimit}, {"visited", (*victim).connectReader}, {"slowed", (*victim).slowReader},
			{"keys", (*victim).keys}, {"close", (*victim).close}, leave}},
		{"readerlimit", []phase{join, {"exceed", (*victim).exceedReaders}, leave}},
		{"subscriber", []phase{join,
			{"subscribe", (*victim).subscribe}, {"take", (*victim).take}, {"batches", (*victim).takeBatches}, {"latest", (*victim).latest},
			{"lag", (*victim).lag}, {"hold", (*victim).hold}, {"close", (*victim).close}, leave}},
		{"lossless", []phase{join,
			{"subscribe", (*victim).subscribeLossless}, {"take", (*victim).take}, {"batches", (*victim).takeBatches}, {"dawdle", (*victim).receiveSlowly},
			{"hold", (*victim).hold}, {"close", (*victim).close}, leave}},
		{"first", []phase{join, {"advertise", (*victim).advertise}, {"subscribe", (*victim).subscribe}, {"close", (*victim).close}, leave}},
		{"polling", []phase{join, {"advertise", (*victim).advertise}, {"subscribe", (*victim).subscribe}, {"poll", (*victim).poll}, {"close", (*victim).close}, leave}},
		{"cleaner", []phase{join, leave, {"remove", (*victim).remove}}},
		{"leaver", []phase{{"enter", (*victim).joinRegistry}, {"leave", (*victim).leaveRegistry}}},
		{"reaper", []phase{join, {"reap", (*victim).awaitCleanup}, leave}},
	}
}

// victim is a process that runs a scenario until its trigger fires.
type victim struct {
	*stepCounter
	ctx             context.Context
	losslessTimeout time.Duration // of lossless subscriptions

	p    *topic.Participant
	reg  *registry.Registry // of a participant without topics
	pub  *topic.Publisher[[]byte]
	subs []*topic.Subscriber[[]byte]
	seq  uint64
	last map[topic.PublisherID]uint64
	main topic.PublisherID // the first that it took a sample of
	held []topic.Sample[[]byte]
}

// A victimRequest starts a victim.
type victimRequest struct {
	Scenario        string
	Trace           string // file
	Trigger         trigger
	LosslessTimeout time.Duration // of lossless subscriptions
}

func runVictim(_ context.Context, parent *subproc.Parent, r victimRequest) error {
	w, err := countSteps(parent, r.Trigger, r.Trace)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.WaitLimit)
	defer cancel()
	v := &victim{stepCounter: w, ctx: ctx, losslessTimeout: r.LosslessTimeout, last: map[topic.PublisherID]uint64{}}
	for _, l := range scenarios() {
		if l.name != r.Scenario {
			continue
		}
		for i, p := range l.phases {
			w.phase(i)
			if err := p.do(v); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return w.reportPasses()
}

func (v *victim) join() (err error) {
	v.p, err = topic.Join(nil)
	return err
}

func (v *victim) leave() error { return v.p.Close() }

// joinRegistry joins without topics and advertises a publisher with a schema too large for an endpoint page. The scenario does not
// withdraw the publisher.
func (v *victim) joinRegistry() (err error) {
	dir, err := registry.DomainDir("", "")
	if err != nil {
		return err
	}
	if v.reg, err = registry.Join(registry.Options{Dir: dir, Unit: "leaver"}); err != nil {
		return err
	}
	_, err = v.reg.Advertise(registry.Endpoint{ID: registry.EndpointID{Participant: v.reg.ID(), Number: v.reg.ReserveID()}, Kind: registry.KindPublisher, Topic: "load",
		Encoding: "octets", SchemaEncoding: "text", Schema: bytes.Repeat([]byte("eight "), 5000)})
	return err
}

// leaveRegistry leaves, which withdraws the publisher.
func (v *victim) leaveRegistry() error { return v.reg.Close() }

// stamp is the number in every word of a payload of n bytes: its sequence and its length.
func stamp(seq uint64, n int) uint64 { return seq ^ uint64(n)<<40 }

func (v *victim) close() error {
	var errs []error
	for _, s := range v.subs {
		errs = append(errs, s.Close())
	}
	for _, s := range v.held { // they outlive their subscriber
		errs = append(errs, harness.Check(s.Bytes(), stamp(s.Sequence(), len(s.Bytes()))))
		s.Release()
	}
	if v.pub != nil {
		errs = append(errs, v.pub.Close())
	}
	return errors.Join(errs...)
}

// remove removes the domain after the last participant left, unless others have joined since.
func (v *victim) remove() error {
	if err := registry.RemoveDomain(v.p.Dir()); !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return nil
}

// awaitCleanup reports that the victim is ready, and once more that another participant joined, which the parent then kills. It waits until no file
// of that participant is left.
func (v *victim) awaitCleanup() error {
	for _, others := range []bool{true, false} {
		if err := v.parent.Ready(); err != nil {
			return err
		}
		for {
			files, err := filepath.Glob(filepath.Join(v.p.Dir(), "*.*"))
			if err != nil {
				return err
			}
			if (len(files) > 1) == others {
				break
			}
			if err := v.pause(); err != nil {
				return err
			}
		}
	}
	return nil
}

func createTrace(path string) error { return os.WriteFile(path, make([]byte, traceSize), 0o600) }
