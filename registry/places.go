package registry

import (
	"fmt"
	"path/filepath"

	"github.com/shmbus/shmbus/internal/shm"
)

// Places are locks between the participants of a domain, one for each number from 0 to MaxPlace. They are locks of the kernel on the
// registry file, far beyond its end, so they take no memory there. The kernel frees the places of a process that ends; those of a stopped
// process stay locked. The methods may be called concurrently, except Close. Places that this Places has locked are not locked to it.
type Places struct{ file *shm.File }

// MaxPlace is the greatest place.
const MaxPlace = 1<<63 - 2

// OpenPlaces opens the places of the domain in a directory. The caller must have joined it, not only for reading.
func OpenPlaces(dir string) (*Places, error) {
	f, err := shm.OpenShared(filepath.Join(dir, registryName))
	if err != nil {
		return nil, fmt.Errorf("open the registry of the domain: %w", err)
	}
	return &Places{f}, nil
}

// TryLock locks a place, and reports false at once if another Places has locked it.
func (p *Places) TryLock(place int64) (bool, error) { return p.file.TryLockRange(place, 1) }

// Unlock frees a place.
func (p *Places) Unlock(place int64) error { return p.file.UnlockRange(place, 1) }

// File is the number that the kernel has given to the file whose places these are. It differs after the registry file was replaced.
func (p *Places) File() (uint64, error) {
	owner, err := p.file.Owner()
	return owner.Ino, err
}

// Locked returns the places from first on and below end that other Places have locked, at most limit of them.
func (p *Places) Locked(first, end int64, limit int) (places []int64, err error) {
	for ranges := [][2]int64{{first, end}}; len(ranges) > 0 && len(places) < limit; {
		from, to := ranges[0][0], ranges[0][1]
		ranges = ranges[1:]
		if from >= to {
			continue
		}
		at, n, err := p.file.LockedIn(from, to-from)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			continue
		}
		for place := max(at, from); place < min(at+n, to) && len(places) < limit; place++ {
			places = append(places, place)
		}
		ranges = append(ranges, [2]int64{from, at}, [2]int64{at + n, to}) // the kernel does not say which of several ranges it returned
	}
	return places, nil
}

// Close frees all places that this Places has locked.
func (p *Places) Close() error { return p.file.Close() }
