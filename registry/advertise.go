package registry

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/stats"
)

// maxSkipped is the largest number of successive numbers that ReserveID skips because of foreign files.
const maxSkipped = 1000

// ReserveID returns a number for an endpoint, so that its files can have their names before Advertise. Numbers begin at 1 and
// are never reused. A number is skipped while a foreign file has its name.
func (r *Registry) ReserveID() uint32 {
	r.numbers.Lock()
	defer r.numbers.Unlock()
	for range maxSkipped {
		r.last++
		if r.readOnly() || !r.conflicting(r.last) {
			break
		}
	}
	r.free[r.last] = true
	return r.last
}

// conflicting reports whether a file exists that only an endpoint with this number may have. No endpoint has had the number.
func (r *Registry) conflicting(number uint32) bool {
	for _, suffix := range []string{publisherSuffix(number), schemaSuffix(number)} {
		if _, err := os.Lstat(r.Path(suffix)); err == nil {
			return true
		}
	}
	return false
}

// Advertise makes a publisher or subscription known to the domain. When it returns, the record can be read and the bell has
// been rung. The number in e.ID comes from ReserveID and is used up on success. The participant in e.ID is ignored. A Since of
// zero stands for now. With Options.ReadOnly no other process sees the endpoint, and a publisher is refused. Errors are
// *NameError, *errdefs.LimitError, *errdefs.SpaceError, and os.ErrClosed after Close.
func (r *Registry) Advertise(e Endpoint) (*Advertisement, error) {
	a, err := r.advertise(&e)
	if err != nil {
		return nil, fmt.Errorf("advertise a %v: %w", e.Kind, err)
	}
	r.bell.wakeInterested(e.Kind, e.key(), r.self.id)
	failpoint.At("advertise.bell")
	return a, nil
}

func (r *Registry) advertise(e *Endpoint) (*Advertisement, error) {
	e.ID.Participant = r.self.id
	if e.Since == 0 {
		e.Since = clock.Stamp(r.clock.Now())
	}
	body, err := encodeBody(e)
	if err != nil {
		return nil, err
	}
	if !r.claim(e.ID.Number) {
		return nil, fmt.Errorf("number %d did not come from ReserveID, or was advertised before", e.ID.Number)
	}
	if r.readOnly() {
		if e.Kind == KindPublisher {
			r.unclaim(e.ID.Number)
			return nil, errors.New("this participant only reads (ReadOnly), and a publisher is a file; join without that")
		}
		return &Advertisement{r: r, id: e.ID, kind: e.Kind, counters: mem.Alloc(stats.Size)}, nil
	}
	page, counters, err := r.table.put(e, body)
	if err != nil {
		r.unclaim(e.ID.Number)
		return nil, err
	}
	return &Advertisement{r: r, id: e.ID, kind: e.Kind, key: e.key(), page: page, schemaSize: len(e.Schema), counters: counters}, nil
}

func (r *Registry) claim(number uint32) bool {
	r.numbers.Lock()
	defer r.numbers.Unlock()
	ok := r.free[number]
	delete(r.free, number)
	return ok
}

// ReleaseID gives up a number from ReserveID that will not be advertised. For any other number it does nothing.
func (r *Registry) ReleaseID(number uint32) { r.claim(number) }

func (r *Registry) unclaim(number uint32) {
	r.numbers.Lock()
	defer r.numbers.Unlock()
	r.free[number] = true
}

// An Advertisement is a publisher or subscription that the domain knows.
type Advertisement struct {
	r          *Registry
	id         EndpointID
	kind       Kind
	key        uint64
	page       int
	schemaSize int
	counters   []byte

	once sync.Once
	err  error
}

// ID returns the id of the endpoint.
func (a *Advertisement) ID() EndpointID { return a.id }

// Counters returns the stats.Size bytes of shared memory in which the owner of the endpoint counts for other processes to read.
// The memory must not be accessed after Withdraw, when another endpoint may get it, nor after Close of the registry, which
// unmaps it.
func (a *Advertisement) Counters() []byte { return a.counters }

// Withdraw removes the record of the endpoint and rings the bell. It may be called more than once, and after Close.
func (a *Advertisement) Withdraw() error {
	a.once.Do(func() {
		if a.r.readOnly() {
			return
		}
		if err := a.r.table.remove(a.page, a.id.Number, a.schemaSize); err != nil {
			a.err = fmt.Errorf("withdraw %v: %w", a.id, err)
		}
		a.r.bell.wakeInterested(a.kind, a.key, a.r.self.id)
		failpoint.At("unadvertise.bell")
	})
	return a.err
}
