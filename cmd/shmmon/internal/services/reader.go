// Package services reads the services, goals and parameters of a domain without taking part in it: no server and no client knows of it or
// waits for it.
//
// What it reads comes from other processes. It is bounded in number and size, and texts must be escaped for a terminal.
package services

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// A Want names what a Reading contains. What nothing shows is not read.
type Want uint8

// Parts of a Reading.
const (
	WantServices Want = 1 << iota
	WantGoals
	WantParameters
)

// A Source yields readings. Read must not be called concurrently with itself.
type Source interface {
	Read(ctx context.Context, want Want) (Reading, error)
	Close() error
}

// A Reading is what was there at one moment.
type Reading struct {
	Servers    []service.ServerInfo // by name and key
	Figures    map[topic.PublisherID]Figures
	Goals      []Goal      // the newest first
	Parameters []Parameter // by unit, id of the owner and name
	Cut        bool        // there is more than is read
}

// A Reader is the Source of a real domain. While goals are wanted it stays joined, because their past is only in rings that are overwritten;
// otherwise it joins for each reading. Close may be called at any time.
type Reader struct {
	dir string

	mu     sync.Mutex
	self   *topic.Participant // nil: it is not joined
	goals  goals
	rates  goalRates
	closed bool
	clock  clock.Clock
}

// Open prepares to read a domain directory, which need not exist. The caller closes the Reader.
func Open(dir string) *Reader { return &Reader{dir: dir, rates: goalRates{}, clock: clock.New()} }

// Read implements Source. A domain that does not exist has nothing.
func (r *Reader) Read(ctx context.Context, want Want) (reading Reading, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || want == 0 {
		return Reading{}, r.leave()
	}
	if missing, err := registry.DomainMissing(r.dir); missing && err == nil {
		return Reading{}, r.leave()
	}
	if r.self == nil {
		r.self, err = topic.Join(&topic.Options{Dir: filepath.Dir(r.dir), Domain: filepath.Base(r.dir), Unit: "shmmon", ReadOnly: true})
		if err != nil {
			return Reading{}, err
		}
	}
	if err = r.read(ctx, want, &reading); err != nil || want&WantGoals == 0 {
		if left := r.leave(); err == nil {
			err = left
		}
	}
	return reading, err
}

func (r *Reader) read(ctx context.Context, want Want, reading *Reading) (err error) {
	if want&(WantServices|WantGoals) != 0 {
		if reading.Servers, err = service.Find(ctx, r.self, "**"); err != nil {
			return err
		}
	}
	if want&WantServices != 0 {
		if reading.Figures, err = r.readFigures(ctx, r.self, "**"); err != nil {
			return err
		}
	}
	if want&WantGoals != 0 {
		if reading.Cut, err = r.goals.read(ctx, r.self, reading.Servers); err != nil {
			return err
		}
		reading.Goals = r.goals.list()
	}
	if want&WantParameters != 0 {
		cut := false
		reading.Parameters, cut, err = Parameters(ctx, r.self)
		reading.Cut = reading.Cut || cut
	}
	return err
}

// leave leaves the domain. What is known of goals goes with it.
func (r *Reader) leave() error {
	if r.self == nil {
		return nil
	}
	self := r.self
	r.self, r.goals = nil, goals{}
	return self.Close() // with its subscriptions
}

// Close lets the domain go.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return r.leave()
}
