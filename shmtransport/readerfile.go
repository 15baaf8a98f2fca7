package shmtransport

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
)

// A ReaderFile holds the marks and cursors of all subscriptions of a participant, and its requests to publishers. Its
// methods may be called concurrently.
type ReaderFile struct {
	id   uint64
	file *shm.File
	m    *shm.Mapping
	b    []byte

	wakes wakeMaps // of the participants to whose publishers it is linked

	mu          sync.Mutex
	free        []uint32
	used        uint32 // entries that were ever used
	generations []uint32
	open        int // entries in use
	closed      bool
}

// CreateReaderFile makes the file at path, which must not exist. It grows by a page when a link is first used.
func CreateReaderFile(path, dir string, mode fs.FileMode, id uint64) (_ *ReaderFile, err error) {
	f, err := shm.Create(dir, 0, mode)
	if err != nil {
		return nil, err
	}
	r := &ReaderFile{id: id, file: f}
	defer func() {
		if err != nil {
			r.m.Unmap()
			f.Close()
		}
	}()
	// The lock is held as long as this process maps the file, so that publishers know of marks that outlive the
	// participant.
	if err := f.Lock(); err != nil {
		return nil, err
	}
	if err := f.Reserve(0, rdrOffGroups); err != nil {
		return nil, err
	}
	failpoint.At("file.reserve")
	if r.m, err = f.MapWhole(rdrFileSize); err != nil {
		return nil, err
	}
	r.b = r.m.Bytes()
	mem.Uint32(r.b, rdrOffVersion).Store(LayoutVersion)
	mem.Uint64(r.b, rdrOffOwner).Store(id)
	mem.Uint64(r.b, rdrOffMagic).Store(readerMagic)
	return r, f.Publish(path)
}

// A linkEntry is one entry of the link directory with its page.
type linkEntry struct {
	index, generation uint32
	page              []byte
}

// prepare allocates an entry, and fills entry and page. The publisher reads neither before announce.
func (f *ReaderFile) prepare(q LinkRequest) (linkEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.allocEntry()
	if err != nil {
		return linkEntry{}, err
	}
	p := s.page
	clear(p[pageOffArmed:])
	mem.Uint32(p, pageOffArmed).Store(armedAwake)
	mem.Uint64(p, pageOffPublisher).Store(q.Publisher.Participant)
	mem.Uint32(p, pageOffNumber).Store(q.Publisher.Number)
	mem.Uint32(p, pageOffGen).Store(s.generation)
	failpoint.At("request.page")
	mem.Uint32(p, pageOffState).Store(pageCurrent)
	failpoint.At("request.current")

	e := f.entry(s.index)
	mem.Uint32(e, linkOffGeneration).Store(s.generation)
	mem.Uint64(e, linkOffPublisher).Store(q.Publisher.Participant)
	mem.Uint32(e, linkOffNumber).Store(q.Publisher.Number)
	mem.Uint32(e, linkOffSubscriber).Store(q.Subscription)
	mem.Uint32(e, linkOffHistory).Store(q.History)
	policy := uint32(policyKeepLast)
	if q.Lossless {
		policy = policyLossless
	}
	mem.Uint32(e, linkOffPolicy).Store(policy)
	mem.Uint64(e, linkOffTimeout).Store(uint64(q.Timeout))
	failpoint.At("request.entry")
	return s, nil
}

// announce makes a prepared entry visible: as a request, or as the answer that there will be none. The publisher reads it when the registry
// notifies its process, which may be at once, for another entry.
func (f *ReaderFile) announce(s linkEntry, state uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	mem.Uint32(f.entry(s.index), linkOffState).Store(state)
	failpoint.At("request.state")
	f.countChange(s.index)
	failpoint.At("request.changed")
}

// allocEntry returns an unused entry whose page has memory.
func (f *ReaderFile) allocEntry() (linkEntry, error) {
	if f.closed {
		return linkEntry{}, errdefs.Closed("the participant is closed")
	}
	var i uint32
	if n := len(f.free); n > 0 {
		i = f.free[n-1]
		f.free = f.free[:n-1]
	} else {
		if f.used == MaxLinks {
			return linkEntry{}, &errdefs.LimitError{What: "publishers connected to the subscriptions of one participant", Limit: MaxLinks, Remedy: "join the domain as another participant for some of the subscriptions"}
		}
		i = f.used
		at, end := linkPageOffset(i), linkPageOffset(i)+linkPageSize
		if i%linksPerGroup == 0 {
			at = linkGroupOffset(i)
		}
		if err := f.file.Reserve(at, end-at); err != nil {
			return linkEntry{}, err
		}
		failpoint.At("request.reserve")
		f.used++
		f.generations = append(f.generations, 0)
		mem.Uint32(f.b, rdrOffUsed).Store(f.used)
		failpoint.At("request.used")
	}
	f.open++
	f.generations[i]++
	off := linkPageOffset(i)
	return linkEntry{index: i, generation: f.generations[i], page: f.b[off : off+linkPageSize : off+linkPageSize]}, nil
}

// freeEntry frees an entry. No mark of its page may be set.
func (f *ReaderFile) freeEntry(s linkEntry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	mem.Uint32(f.entry(s.index), linkOffState).Store(linkStateFree)
	failpoint.At("disconnect.entry")
	mem.Uint32(s.page, pageOffState).Store(pageUnused)
	failpoint.At("disconnect.page")
	f.countChange(s.index)
	failpoint.At("disconnect.changed")
	f.free = append(f.free, s.index)
	f.open--
	f.unmapIfUnused()
}

func (f *ReaderFile) unmapIfUnused() error {
	if f.closed && f.open == 0 {
		return errors.Join(f.m.Unmap(), f.file.Close())
	}
	return nil
}

// countChange counts a change of an entry or of its page.
func (f *ReaderFile) countChange(i uint32) {
	mem.Uint32(f.b, rdrOffChanges+4*int(i/linksPerGroup)).Add(1)
}

func (f *ReaderFile) entry(i uint32) []byte {
	off := linkEntryOffset(i)
	return f.b[off : off+linkEntrySize : off+linkEntrySize]
}

// Close removes the file's name. The memory is unmapped when the last link has ended, which a held sample delays.
func (f *ReaderFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	err := os.Remove(f.file.Path())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	failpoint.At("leave.reader")
	return errors.Join(err, f.unmapIfUnused())
}

// ConnectOptions are the files of a publisher and the delivery that a subscription asks of it.
type ConnectOptions struct {
	Path         string // publisher file
	WakePath     string // wake file of its participant; ConnectPassive needs none
	Publisher    PublisherID
	Subscription uint32 // its number within this participant
	History      int    // past samples
	AllHistory   bool   // every sample ever published counts, though it may be lost
	Lossless     bool
	Timeout      time.Duration
	UserData     any // result of Sample.UserData; the Reader does not use it

	// Accept is called, if set, with the owner of each of these files, as the kernel reports it. On error the file is
	// not read.
	Accept func(path string, uid int) error
}

// Connect links a publisher to a subscription. The publisher's participant sees the request at its next scan; samples
// arrive after it has admitted it. Connect does nothing for a publisher that is linked already.
func (r *Reader) Connect(f *ReaderFile, q ConnectOptions) error {
	if r.isLinked(q.Publisher) {
		return nil
	}
	// The wake file exists longer than the publisher files of its participant: without it these are removed, too.
	wake, missing := f.wakes.acquire(q.WakePath, q.Publisher.Participant, q.Accept)
	if missing != nil && !errors.Is(missing, fs.ErrNotExist) {
		return missing
	}
	l, err := q.openPublisher(wake)
	if err != nil {
		return err
	}
	if missing != nil {
		l.view.close()
		return &errdefs.CorruptError{Path: q.WakePath, What: "it was removed while its publishers are there"}
	}
	failpoint.At("request.open")
	if wake.exposed {
		r.set.waits.SetExposed()
	}
	history := q.history()
	s, err := f.prepare(LinkRequest{
		Publisher: q.Publisher, Subscription: q.Subscription, History: history, Lossless: q.Lossless, Timeout: q.Timeout,
	})
	if err != nil {
		l.view.close()
		return err
	}
	l.attach(s.page, r.opts.MaxHeld)
	l.userData = q.UserData
	l.readerID, l.key, l.history = f.id, linkKey(s.index, s.generation), history
	l.freePage = func() { f.freeEntry(s) }
	r.addLink(l, func() { f.announce(s, linkStateRequested) })
	return nil
}

// Decline announces to a publisher that a subscription which its topic might match refuses it. The returned function
// withdraws the answer.
func (f *ReaderFile) Decline(publisher PublisherID, subscription uint32) (func(), error) {
	s, err := f.prepare(LinkRequest{Publisher: publisher, Subscription: subscription})
	if err != nil {
		return nil, err
	}
	f.announce(s, linkStateDeclined)
	return func() { f.freeEntry(s) }, nil
}
