package watch

import (
	"maps"
	"math"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
)

// A Snapshot is the state of a domain at one moment: its participants with their endpoints and statistics.
type Snapshot struct {
	At           int64 // ns of CLOCK_MONOTONIC, when the statistics had just been read
	Participants []registry.Participant
	Stats        registry.Stats
	Backlogs     map[registry.EndpointID]Backlog // of subscriptions whose own figures may be old
	Space        shm.Space                       // of the file system of the domain; zero if it is unknown
	Problems     []error                         // what could not be believed and is left out
	Missing      bool                            // there is no directory of the domain
	Died         []registry.ID                   // of earlier snapshots: they ended without leaving, and their files are removed
}

// current returns the figures of the subscriptions, with lag and losses of those whose own may be old brought up to date by their backlogs.
func (s *Snapshot) current() map[registry.EndpointID]registry.SubscriptionStats {
	if len(s.Backlogs) == 0 {
		return s.Stats.Subscriptions
	}
	all := maps.Clone(s.Stats.Subscriptions)
	for id, b := range s.Backlogs {
		if f, ok := all[id]; ok {
			f.Lag, f.Lost = b.Lag, f.Lost+b.Lost
			all[id] = f
		}
	}
	return all
}

// A Source yields snapshots. Snapshot must not be called concurrently.
type Source interface {
	Snapshot() (Snapshot, error)
}

// A Domain is the Source that observes a real domain directory.
type Domain struct {
	dir      string
	observer *registry.Observer
	clock    clock.Clock
	backlogs backlogReader
	versions map[registry.ID]string // of shmbus in their executables
	starts   map[admission]uint64   // of the links that were read last; 0: not admitted then
}

// Open prepares to observe a domain directory, which need not exist. The caller closes the Domain.
func Open(dir string) (*Domain, error) {
	o, err := registry.Observe(dir)
	if err != nil {
		return nil, err
	}
	return &Domain{dir: dir, observer: o, clock: clock.New(), backlogs: backlogReader{dir: dir}}, nil
}

// Snapshot implements Source.
func (d *Domain) Snapshot() (Snapshot, error) {
	participants, err := d.observer.Snapshot()
	if err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{Participants: participants, Problems: d.observer.Errors(), Died: d.observer.Died()}
	s.Stats, s.At = timed(d.observer.Stats, d.clock.Now)
	s.Backlogs = d.backlogs.read(participants, s.Stats)
	s.Space, _ = shm.SpaceAt(d.dir) // zero if there is no directory
	if len(participants) == 0 {
		s.Missing, _ = registry.DomainMissing(d.dir)
	}
	return s, nil
}

// promptly is how long statistics may take to be read, ns; those of a thousand topics with subscriptions take 2 ms.
const promptly = int64(5 * time.Millisecond)

// timed reads statistics and the time. The time belongs to the counters, or rates and means would be wrong: where this process did not run for a
// while between both, it reads again.
func timed(read func() registry.Stats, now func() int64) (s registry.Stats, at int64) {
	least := int64(math.MaxInt64)
	for range 3 {
		before := now()
		next := read()
		after := now()
		if took := after - before; took < least {
			s, at, least = next, after, took
		}
		if least <= promptly {
			break
		}
	}
	return s, at
}

// Clock returns the clock of the snapshots.
func (d *Domain) Clock() clock.Clock { return d.clock }

// Close lets the domain go.
func (d *Domain) Close() error { return d.observer.Close() }
