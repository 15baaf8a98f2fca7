package shmtransport

import (
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
)

// wakeMaps are the wake files of other participants that one participant has mapped, each once for all links to its
// publishers. The zero value is ready to use. The methods may be called concurrently.
type wakeMaps struct {
	mu sync.Mutex
	of map[uint64]*wakeMap // by participant
}

// A wakeMap is a read-only mapping of a participant's wake file.
type wakeMap struct {
	owners  *wakeMaps
	id      uint64
	m       *shm.Mapping
	uid     int  // owner of the file
	exposed bool // members of its group may open it
	uses    int  // guarded by mu of owners
}

// acquire maps the wake file of the participant id, or adds a use to an existing mapping. Accept, if not nil, is called
// with the owner of the file. The caller must release the mapping.
func (w *wakeMaps) acquire(path string, id uint64, accept func(path string, uid int) error) (*wakeMap, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.of[id]
	if m == nil {
		var err error
		if m, err = mapWakeFile(path, id, accept); err != nil {
			return nil, err
		}
		m.owners = w
		if w.of == nil {
			w.of = map[uint64]*wakeMap{}
		}
		w.of[id] = m
	} else if accept != nil {
		if err := accept(path, m.uid); err != nil {
			return nil, err
		}
	}
	m.uses++
	return m, nil
}

// release ends a use. The last one unmaps the file. Releasing nil does nothing.
func (m *wakeMap) release() error {
	if m == nil {
		return nil
	}
	w := m.owners
	w.mu.Lock()
	defer w.mu.Unlock()
	if m.uses--; m.uses > 0 {
		return nil
	}
	delete(w.of, m.id)
	return m.m.Unmap()
}

// bell returns the bell of a publisher of the participant.
func (m *wakeMap) bell(number uint32) *atomic.Uint32 {
	return mem.Uint32(m.m.Bytes(), bellOffset(number))
}

func mapWakeFile(path string, id uint64, accept func(path string, uid int) error) (*wakeMap, error) {
	f, err := shm.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	owner, err := f.Owner()
	if err != nil {
		return nil, err
	}
	if accept != nil {
		if err := accept(path, owner.UID); err != nil {
			return nil, err
		}
	}
	if err := checkWakeFile(f, id); err != nil {
		return nil, err
	}
	m, err := f.Map(0, wakeFileSize, false)
	if err != nil {
		return nil, err
	}
	return &wakeMap{id: id, m: m, uid: owner.UID, exposed: owner.Mode&0o077 != 0}, nil
}
