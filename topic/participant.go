package topic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/closed"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// Options say which domain to join and as who. The zero value is the default domain.
type Options struct {
	Dir    string       // directory of domains; default $SHMBUS_DIR, else /dev/shm/shmbus-<uid>
	Domain string       // name of the domain; default $SHMBUS_DOMAIN, else "default"
	Unit   string       // what people call this participant; default the executable's name
	Logger *slog.Logger // hears what goes wrong in the background, on goroutines of the library, where a panic of its handler ends the program; must not use the Participant; default none

	// ReadOnly is for whoever may read in the domain and not write, and for whoever wants to look on unnoticed. Nobody sees this
	// participant or its subscribers, and no publisher waits for them. Each sample is copied, and a new one is looked for once
	// a millisecond, so more may be lost, which is counted. It cannot publish.
	ReadOnly bool
}

// A Participant is this process's membership in a domain. One per process and domain is enough, and more are allowed.
type Participant struct {
	reg      *registry.Registry
	readOnly bool
	log      *slog.Logger
	clock    clock.Clock
	wall     *clock.Wall
	waits    shmtransport.WaitSet
	idle     chan struct{} // closed by Close: ends peek
	ready    chan struct{} // closed when reg is set

	// counting is held for reading while a publisher or subscriber is being made or closed, and by Close before the memory
	// goes that they count in. Taken before mu.
	counting sync.RWMutex

	closing sync.Once
	peeking sync.WaitGroup
	result  error // of Close

	mu         sync.Mutex
	closed     bool
	reader     *shmtransport.ReaderFile // made with the first subscriber; nil if it is readOnly
	wake       *shmtransport.WakeFile   // made with the first publisher
	pubs       map[uint32]*publication  // by number
	subs       map[uint32]*subscription // by number
	ownPubs    byTopic[uint32, *publication]
	ownSubs    byPattern[uint32, *subscription]
	units      map[registry.ID]registry.Participant
	strangers  map[registry.ID]Event                      // who cannot be understood, or not all of it
	illegible  map[registry.ID]Event                      // whose requests cannot be read, reported already
	entities   map[registry.EndpointID]*registry.Endpoint // everybody's, of the kinds that were asked for
	publishers byTopic[registry.EndpointID, *registry.Endpoint]
	interested byPattern[registry.EndpointID, *registry.Endpoint] // subscriptions
	peers      map[registry.ID]*requester
	linked     map[registry.ID]map[uint32]*publication // publishers of ours that admitted somebody of a participant
	lingering  map[uint32]*publication                 // those that may watch marks of one who left
	mismatches map[pair]Event                          // reported already
	unusable   map[pair]Event                          // met in vain, reported already
	silent     map[registry.EndpointID]bool            // subscriptions that did not answer a publisher in time
	retry      *time.Timer                             // runs meetAgain; nil when nothing is to be repeated
	asked      map[registry.ID]bool                    // of whose publishers links were requested, and they were not told yet
	changed    chan struct{}                           // closed and replaced when something above changed
	listeners  map[*listener]struct{}
}

// pair is a publisher and a subscription.
type pair struct{ pub, sub registry.EndpointID }

// Join makes this process a participant. Close must be called; a process that dies without it is noticed and cleaned up
// after by the others.
func Join(opts *Options) (*Participant, error) {
	if opts == nil {
		opts = new(Options)
	}
	dir, err := registry.DomainDir(opts.Dir, opts.Domain)
	if err != nil {
		return nil, err
	}
	p := &Participant{
		log:   opts.Logger,
		clock: clock.New(),
		ready: make(chan struct{}), idle: make(chan struct{}), readOnly: opts.ReadOnly,
		pubs: map[uint32]*publication{}, subs: map[uint32]*subscription{},
		ownPubs: byTopic[uint32, *publication]{}, ownSubs: newByPattern[uint32, *subscription](),
		units: map[registry.ID]registry.Participant{}, entities: map[registry.EndpointID]*registry.Endpoint{},
		publishers: byTopic[registry.EndpointID, *registry.Endpoint]{}, interested: newByPattern[registry.EndpointID, *registry.Endpoint](),
		peers: map[registry.ID]*requester{}, linked: map[registry.ID]map[uint32]*publication{},
		strangers: map[registry.ID]Event{}, illegible: map[registry.ID]Event{},
		lingering: map[uint32]*publication{}, mismatches: map[pair]Event{},
		unusable: map[pair]Event{}, silent: map[registry.EndpointID]bool{}, asked: map[registry.ID]bool{},
		changed: make(chan struct{}), listeners: map[*listener]struct{}{},
	}
	p.wall = clock.NewWall(p.clock.Read)
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.reg, err = registry.Join(registry.Options{Dir: dir, Unit: opts.Unit, Logger: opts.Logger, OnChange: p.onChange, OnDemand: true, ReadOnly: opts.ReadOnly})
	if err != nil {
		return nil, err
	}
	close(p.ready)
	if p.readOnly {
		p.peeking.Go(p.peek)
	}
	return p, nil
}

// ID returns the participant's id, unique in its domain and not used again.
func (p *Participant) ID() registry.ID { return p.reg.ID() }

// Dir returns the path of the domain's directory.
func (p *Participant) Dir() string { return p.reg.Dir() }

// Close closes every publisher and subscriber of the participant and leaves the domain; nothing of it stays there. Samples
// that are held stay valid memory until they are released. Further calls wait for the first and return what it did.
func (p *Participant) Close() error {
	p.closing.Do(func() { p.result = p.leave() })
	return p.result
}

func (p *Participant) leave() error {
	close(p.idle)
	p.peeking.Wait()
	p.mu.Lock()
	p.closed = true
	if p.retry != nil {
		p.retry.Stop()
	}
	pubs, subs := p.pubs, p.subs
	p.pubs, p.subs = map[uint32]*publication{}, map[uint32]*subscription{}
	p.ownPubs, p.ownSubs = byTopic[uint32, *publication]{}, newByPattern[uint32, *subscription]()
	clear(p.linked)
	clear(p.lingering)
	p.signal()
	p.mu.Unlock()

	var errs []error
	for _, pub := range pubs {
		errs = append(errs, pub.end())
	}
	for _, sub := range subs {
		errs = append(errs, sub.end())
	}
	p.counting.Lock()
	defer p.counting.Unlock()
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
	clear(p.units)
	clear(p.entities)
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

// signal wakes who waits for a change. Called with mu held.
func (p *Participant) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// await waits until done says so, asking again after each change.
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

// readerFile returns the file of this participant's links, making it for the first. Called with mu held.
func (p *Participant) readerFile() (*shmtransport.ReaderFile, error) {
	if p.closed {
		return nil, closed.Error("the participant is closed")
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

// wakeFile returns the file with the bells of this participant's publishers, making it for the first.
func (p *Participant) wakeFile() (*shmtransport.WakeFile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, closed.Error("the participant is closed")
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

// peek looks for samples of publishers that do not know that somebody reads.
func (p *Participant) peek() {
	tick := time.NewTicker(shmtransport.PollInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.idle:
			return
		}
		p.mu.Lock()
		for _, sub := range p.subs {
			sub.reader.Poll()
		}
		p.mu.Unlock()
	}
}

// publisherPath names the file of a publisher.
func (p *Participant) publisherPath(id registry.EndpointID) string {
	return p.reg.PeerPath(id.Participant, fmt.Sprintf("pub.%d", id.Number))
}
