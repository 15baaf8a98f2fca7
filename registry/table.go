package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/internal/stats"
)

// A table is the participant file of this participant, which no other process writes. Its methods may be called concurrently.
type table struct {
	dir  string
	id   ID
	mode fs.FileMode

	mu         sync.Mutex
	file       *shm.File
	mapping    *shm.Mapping
	b          []byte
	used       []bool // by page with memory: it has a record
	lowest     int    // all pages below it are used
	schemas    int64  // bytes of all schema files of this participant
	generation uint64
	closed     bool
}

// newTable creates the file. The file is locked before it gets its name, so a process that is killed before that leaves nothing.
func newTable(dir string, mode fs.FileMode, h *header) (_ *table, err error) {
	f, err := shm.Create(dir, 0, mode)
	if err != nil {
		return nil, err
	}
	t := &table{dir: dir, id: h.id, mode: mode, file: f}
	defer func() {
		if err != nil {
			t.mapping.Unmap()
			f.Close()
		}
	}()
	if err := f.Lock(); err != nil {
		return nil, err
	}
	if err := f.Reserve(0, pageSize); err != nil {
		return nil, err
	}
	failpoint.At("file.reserve")
	if t.mapping, err = f.MapWhole(fileSize); err != nil {
		return nil, err
	}
	t.b = t.mapping.Bytes()
	h.put(t.b)
	t.word32(offState).Store(stateAlive)
	t.word64(offTableVersion).Store(1)
	t.word64(offTouches).Store(1)
	return t, f.Publish(filePath(dir, h.id, participantSuffix))
}

// put writes the schema and then the record of an endpoint. It returns the page and the counters in it.
func (t *table) put(e *Endpoint, body []byte) (page int, counters []byte, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return 0, nil, errdefs.Closed("the participant is closed")
	}
	if t.schemas+int64(len(e.Schema)) > MaxSchemas {
		return 0, nil, &errdefs.LimitError{What: "bytes of schemas of one participant", Limit: MaxSchemas,
			Remedy: "advertise fewer publishers and subscriptions with large schemas in one process"}
	}
	if page, err = t.freePage(); err != nil {
		return 0, nil, err
	}
	if len(e.Schema) != 0 {
		path := filePath(t.dir, t.id, schemaSuffix(e.ID.Number))
		if err := writeSchema(t.dir, path, e.Schema, t.mode); err != nil {
			return 0, nil, fmt.Errorf("publish the schema: %w",
				ExplainNameConflict(path, "try again, which takes another name, and remove", err))
		}
		failpoint.At("advertise.schema")
	}
	t.generation++
	b := t.page(page)
	clear(b)
	failpoint.At("advertise.clear")
	p := prefix{number: e.ID.Number, generation: t.generation}
	p.put(b, body)
	failpoint.At("advertise.record")
	mem.Uint32(b, offEndpointState).Store(uint32(e.Kind))
	failpoint.At("advertise.state")
	mem.Uint64(t.b, indexOffset(page)+offIndexKey).Store(e.key())
	t.index(page).Store(indexed(uint32(e.Kind), t.generation))
	failpoint.At("advertise.index")
	t.changed(page)
	failpoint.At("advertise.changed")
	t.used[page] = true
	t.schemas += int64(len(e.Schema))
	t.word32(offPages).Store(uint32(len(t.used)))
	failpoint.At("advertise.pages")
	t.word64(offTableVersion).Add(1)
	failpoint.At("advertise.version")
	return page, countersOf(b), nil
}

// freePage returns the lowest page without a record. The page has memory.
func (t *table) freePage() (int, error) {
	for t.lowest < len(t.used) && t.used[t.lowest] {
		t.lowest++
	}
	if t.lowest < len(t.used) {
		return t.lowest, nil
	}
	page := len(t.used)
	if page == MaxEndpoints {
		return 0, &errdefs.LimitError{What: "publishers and subscriptions of one participant", Limit: MaxEndpoints,
			Remedy: "close some, use patterns instead of many subscriptions, or spread them over several participants"}
	}
	at, end := pageOffset(page), pageOffset(page)+pageSize
	if page%perIndex == 0 {
		at = indexOffset(page)
	}
	if err := t.file.Reserve(int64(at), int64(end-at)); err != nil {
		return 0, err
	}
	failpoint.At("advertise.reserve")
	t.used = append(t.used, false)
	return page, nil
}

// remove removes a record and then its schema.
func (t *table) remove(page int, number uint32, schemaSize int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil // close has removed it
	}
	t.index(page).Store(0)
	failpoint.At("unadvertise.index")
	t.changed(page)
	failpoint.At("unadvertise.changed")
	mem.Uint32(t.page(page), offEndpointState).Store(0)
	failpoint.At("unadvertise.state")
	t.used[page] = false
	t.lowest = min(t.lowest, page)
	t.schemas -= int64(schemaSize)
	t.word64(offTableVersion).Add(1)
	failpoint.At("unadvertise.version")
	if schemaSize == 0 {
		return nil
	}
	if err := removeIfThere(filePath(t.dir, t.id, schemaSuffix(number))); err != nil {
		return err
	}
	failpoint.At("unadvertise.schema")
	return nil
}

// touch counts a change of another file of this participant.
func (t *table) touch() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.word64(offTouches).Add(1)
	}
}

// close removes the records and all files of this participant. It stores the state first, so that others report Left and not
// Died, and drops the lock last, when no file is left that could be found without it. A file of another user that stays is
// logged and is no error.
func (t *table) close(log *slog.Logger) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	t.word32(offState).Store(stateLeaving)
	failpoint.At("leave.state")
	for i := range t.used {
		t.index(i).Store(0)
		t.changed(i)
		mem.Uint32(t.page(i), offEndpointState).Store(0)
	}
	failpoint.At("leave.records")
	t.word64(offTableVersion).Add(1)
	failpoint.At("leave.version")
	left := removeFiles(t.dir, map[ID]bool{t.id: true}, false)
	for _, err := range left.planted {
		log.Warn("a file that is not of this participant stays under its name", "dir", t.dir, "participant", t.id, "err", err)
	}
	t.b = nil
	err := errors.Join(errors.Join(left.own...), t.mapping.Unmap(), t.file.Close())
	failpoint.At("leave.unlock")
	return err
}

func countersOf(page []byte) []byte {
	return page[offCounters : offCounters+stats.Size : offCounters+stats.Size]
}

func (t *table) page(i int) []byte {
	return t.b[pageOffset(i) : pageOffset(i)+pageSize : pageOffset(i)+pageSize]
}

func (t *table) index(page int) *atomic.Uint64 {
	return mem.Uint64(t.b, indexOffset(page)+offIndexWord)
}

// changed counts a change of the index entry of a page.
func (t *table) changed(page int) { t.word32(offIndexChanges + 4*(page/indexGroup)).Add(1) }

func (t *table) word32(off int) *atomic.Uint32 { return mem.Uint32(t.b, off) }
func (t *table) word64(off int) *atomic.Uint64 { return mem.Uint64(t.b, off) }
