package topic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// Options select the domain and describe the participant. The zero value joins the default domain.
type Options struct {
	Dir    string // directory of domains; default $SHMBUS_DIR, else /dev/shm/shmbus-<uid>
	Domain string // name of the domain; default $SHMBUS_DOMAIN, else "default"
	Unit   string // name of this participant for people; default the executable's name

	// Logger logs background failures; default none. Its handler runs mostly on goroutines of the library, where a panic ends the
	// program, and may use the Participant. 1000 records wait for it. Further ones are dropped, and the next has their number as
	// dropped_before. One call may still run when Close returns.
	Logger *slog.Logger

	// ReadOnly joins without write access: for a user with read permission only, or for an observer that must stay
	// invisible. Other participants do not see this participant or its subscribers, and no publisher waits for them. Each
	// sample is copied, and the rings are checked once a millisecond. More samples may be lost; the losses are counted. A
	// read-only participant cannot publish.
	ReadOnly bool
}

// A Participant is this process's membership in a domain. One per process and domain is enough; more are allowed.
type Participant struct {
	reg         *registry.Registry
	readOnly    bool
	log         *slog.Logger
	logCalls    logCalls // of the handler of log
	clock       clock.Clock
	wall        *clock.Wall
	readers     shmtransport.ReaderSet
	passiveStop chan struct{} // closed by Close; ends passiveLoop
	ready       chan struct{} // closed when reg is set

	// lifecycle is held for reading while a publisher or subscriber is created or closed. Close holds it for writing before
	// it unmaps the memory in which these count. It is locked before mu.
	lifecycle sync.RWMutex

	closing sync.Once
	passive sync.WaitGroup
	result  error // of Close

	mu            sync.Mutex
	closed        bool
	reader        *shmtransport.ReaderFile   // created with the first subscriber; nil if readOnly
	wake          *shmtransport.WakeFile     // created with the first publisher
	pubs          map[uint32]*publisherCore  // by number
	subs          map[uint32]*subscriberCore // by number
	ownPubs       byTopic[uint32, *publisherCore]
	ownSubs       byPattern[uint32, *subscriberCore]
	participants  map[registry.ID]registry.Participant
	unparsable    map[registry.ID]Event                      // participants whose records cannot be parsed, or only in part
	unreadable    map[registry.ID]Event                      // participants whose requests cannot be read; reported already
	endpoints     map[registry.EndpointID]*registry.Endpoint // of all participants; the kinds that are watched
	publishers    byTopic[registry.EndpointID, *registry.Endpoint]
	interested    byPattern[registry.EndpointID, *registry.Endpoint] // subscriptions
	peers         map[registry.ID]*requester
	linked        map[registry.ID]map[uint32]*publisherCore // this participant's publishers that admitted a link of another participant
	toPrune       map[uint32]*publisherCore                 // publishers that may still have a reader of a participant that left
	mismatches    map[pair]Event                            // reported already
	unavailable   map[pair]Event                            // connection failed; reported already
	unresponsive  map[registry.EndpointID]bool              // subscriptions that did not answer a publisher in time
	retryTimer    *time.Timer                               // runs retryConnections; nil when no retry is pending
	pendingNotify map[registry.ID]bool                      // participants with new link requests that were not notified yet
	changed       chan struct{}                             // closed and replaced when something above changed
	listeners     map[*listener]struct{}
}

// pair is a publisher and a subscription.
type pair struct{ pub, sub registry.EndpointID }

// Join makes this process a participant. The caller must call Close. When a process dies without Close, other participants
// detect its death and remove its files.
//
// Where this process may use only one processor, Join raises GOMAXPROCS from 1 to 2, unless the environment variable of that name is set: calls
// take six tenths of the time then, and of the processor time.
func Join(opts *Options) (*Participant, error) {
	if opts == nil {
		opts = new(Options)
	}
	dir, err := registry.DomainDir(opts.Dir, opts.Domain)
	if err != nil {
		return nil, err
	}
	process.RaiseGOMAXPROCS()
	p := &Participant{
		clock: clock.New(),
		ready: make(chan struct{}), passiveStop: make(chan struct{}), readOnly: opts.ReadOnly,
		pubs: map[uint32]*publisherCore{}, subs: map[uint32]*subscriberCore{},
		ownPubs: byTopic[uint32, *publisherCore]{}, ownSubs: newByPattern[uint32, *subscriberCore](),
		participants: map[registry.ID]registry.Participant{}, endpoints: map[registry.EndpointID]*registry.Endpoint{},
		publishers: byTopic[registry.EndpointID, *registry.Endpoint]{}, interested: newByPattern[registry.EndpointID, *registry.Endpoint](),
		peers: map[registry.ID]*requester{}, linked: map[registry.ID]map[uint32]*publisherCore{},
		unparsable: map[registry.ID]Event{}, unreadable: map[registry.ID]Event{},
		toPrune: map[uint32]*publisherCore{}, mismatches: map[pair]Event{},
		unavailable: map[pair]Event{}, unresponsive: map[registry.EndpointID]bool{}, pendingNotify: map[registry.ID]bool{},
		changed: make(chan struct{}), listeners: map[*listener]struct{}{},
	}
	p.wall = clock.NewWall(p.clock.Read)
	p.log = slog.New(slog.DiscardHandler)
	if opts.Logger != nil {
		p.log = slog.New(queuedHandler{opts.Logger.Handler, &p.logCalls})
	}
	defer p.logCalls.flush()
	p.reg, err = registry.Join(registry.Options{Dir: dir, Unit: opts.Unit, Logger: p.log, OnChange: p.onChange, OnDemand: true, ReadOnly: opts.ReadOnly})
	if err != nil {
		return nil, err
	}
	close(p.ready)
	if p.readOnly {
		p.passive.Go(p.passiveLoop)
	}
	return p, nil
}

// JoinReadOnly joins the same domain read-only: for what can be read without an answer of another process. The caller closes the participant
// that it returns.
func (p *Participant) JoinReadOnly() (*Participant, error) {
	return Join(&Options{Dir: filepath.Dir(p.Dir()), Domain: filepath.Base(p.Dir()), ReadOnly: true})
}

// ID returns the participant's id. It is unique in its domain and never reused.
func (p *Participant) ID() registry.ID { return p.reg.ID() }

// Dir returns the path of the domain's directory.
func (p *Participant) Dir() string { return p.reg.Dir() }

// Close closes every publisher and subscriber of the participant and leaves the domain. All files of the participant are
// removed. The memory of held samples stays valid until they are released. The log handler has got all records when Close
// returns, unless it takes more than a second. Further calls wait for the first call and return its result.
func (p *Participant) Close() error {
	p.closing.Do(func() { p.result = p.leave() })
	p.logCalls.finish(logTimeout)
	return p.result
}

func (p *Participant) leave() error {
	close(p.passiveStop)
	p.passive.Wait()
	p.mu.Lock()
	p.closed = true
	if p.retryTimer != nil {
		p.retryTimer.Stop()
	}
	pubs, subs := p.pubs, p.subs
	p.pubs, p.subs = map[uint32]*publisherCore{}, map[uint32]*subscriberCore{}
	p.ownPubs, p.ownSubs = byTopic[uint32, *publisherCore]{}, newByPattern[uint32, *subscriberCore]()
	clear(p.linked)
	clear(p.toPrune)
	p.signal()
	p.mu.Unlock()

	var errs []error
	for _, sub := range subs { // first: after the end of a publisher its readers see that nothing is taken any more
		errs = append(errs, sub.end())
	}
	for _, pub := range pubs {
		errs = append(errs, pub.end())
	}
	p.lifecycle.Lock()
	defer p.lifecycle.Unlock()
	p.mu.Lock()
	if p.reader != nil {
		errs = append(errs, p.reader.Close())
	}
	if p.wake != nil {
		errs = append(errs, p.wake.Close()) // after all publishers
	}
	p.mu.Unlock()
	errs = append(errs, p.reg.Close()) // from here on onChange is not called

	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.peers {
		r.file.Close()
	}
	clear(p.peers)
	clear(p.participants)
	clear(p.endpoints)
	clear(p.publishers)
	p.interested = newByPattern[registry.EndpointID, *registry.Endpoint]()
	for l := range p.listeners {
		l.end()
	}
	p.signal()
	return errors.Join(errs...)
}

func (p *Participant) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// signal wakes the goroutines that wait for a change. Called with mu held.
func (p *Participant) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// await waits until done returns true or an error. It calls done again after each change.
func (p *Participant) await(ctx context.Context, done func() (bool, error)) error {
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// readerFile returns the file of this participant's links, creating it on first use. Called with mu held.
func (p *Participant) readerFile() (*shmtransport.ReaderFile, error) {
	if p.closed {
		return nil, errdefs.Closed("the participant is closed")
	}
	if p.reader == nil && !p.readOnly {
		path := p.reg.Path(registry.SuffixReader)
		f, err := shmtransport.CreateReaderFile(path, p.reg.Dir(), p.reg.Modes().Wait, uint64(p.reg.ID()))
		if err != nil {
			return nil, registry.ExplainNameConflict(path, "close this participant and join again, which takes another name, and remove", err)
		}
		failpoint.At("advertise.file")
		p.reader = f
	}
	return p.reader, nil
}

// wakeFile returns the file with the wait words of this participant's publishers, creating it on first use.
func (p *Participant) wakeFile() (*shmtransport.WakeFile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errdefs.Closed("the participant is closed")
	}
	if p.wake == nil {
		path := p.reg.Path(registry.SuffixWake)
		f, err := shmtransport.CreateWakeFile(path, p.reg.Dir(), p.reg.Modes().Wait, uint64(p.reg.ID()))
		if err != nil {
			return nil, registry.ExplainNameConflict(path, "close this participant and join again, which takes another name, and remove", err)
		}
		failpoint.At("advertise.file")
		p.wake = f
	}
	return p.wake, nil
}

// passiveLoop checks the publishers of a read-only participant at intervals: they do not know that they have a reader, and do not
// wake it.
func (p *Participant) passiveLoop() {
	tick := time.NewTicker(shmtransport.PassiveInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.passiveStop:
			return
		}
		p.mu.Lock()
		for _, sub := range p.subs {
			sub.reader.CheckPassive()
		}
		p.mu.Unlock()
	}
}

// publisherPath returns the path of a publisher's file.
func (p *Participant) publisherPath(id registry.EndpointID) string {
	return p.reg.PeerPath(id.Participant, fmt.Sprintf("pub.%d", id.Number))
}
