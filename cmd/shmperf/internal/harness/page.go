package harness

import (
	"io/fs"
	"path/filepath"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
)

// MaxReceivers is the number of receivers that a page has words for.
const MaxReceivers = 1024

// spacing keeps words of different writers two cache lines apart: CPUs fetch lines in pairs.
const spacing = 2 * mem.CacheLine

// Offsets in the page. The receiver in C of package bench knows them too.
const (
	offLast      = 0
	offSignal    = spacing
	offReceivers = 2 * spacing
	pageSize     = offReceivers + MaxReceivers*spacing
)

const pageMode fs.FileMode = 0o600

// A Page is memory that the processes of one measurement share apart from the bus. It tells them where the measurement begins and ends
// and that a message arrived, without a message over what is measured. Every process of the measurement maps it.
type Page struct {
	mapping *shm.Mapping
	bytes   []byte
}

func pagePath(dir string) string { return filepath.Join(dir, "page") }

// createPage makes the page of dir, with all words 0.
func createPage(dir string) error {
	f, err := shm.Create(dir, pageSize, pageMode)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Reserve(0, pageSize); err != nil {
		return err
	}
	return f.Publish(pagePath(dir))
}

// openPage maps the page of dir.
func openPage(dir string) (*Page, error) {
	f, err := shm.OpenShared(pagePath(dir))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := f.Map(0, pageSize, true)
	if err != nil {
		return nil, err
	}
	return &Page{mapping: m, bytes: m.Bytes()}, nil
}

// close unmaps the page. Its words must not be accessed afterwards.
func (p *Page) close() error { return p.mapping.Unmap() }

// Last is the sequence number of the last message. It is 0 until the sender knows the number, and is set before that message is sent.
func (p *Page) Last() *atomic.Uint64 { return mem.Uint64(p.bytes, offLast) }

// Signal is a number to wait for and a stamp, in one cache line.
func (p *Page) Signal() (number *atomic.Uint32, stamp *atomic.Uint64) {
	return mem.Uint32(p.bytes, offSignal), mem.Uint64(p.bytes, offSignal+8)
}

// A Receiver is the words that one receiver writes.
type Receiver struct {
	Warm  *atomic.Uint32 // 1 after the last message of the warm-up
	Done  *atomic.Uint64 // sequence number of the newest message that the receiver has finished
	Delay *atomic.Uint64 // delay of that message in nanoseconds; written before Done
}

// Receiver returns the words of receiver i, which is less than MaxReceivers.
func (p *Page) Receiver(i int) Receiver {
	off := offReceivers + i*spacing
	return Receiver{Warm: mem.Uint32(p.bytes, off), Done: mem.Uint64(p.bytes, off+8), Delay: mem.Uint64(p.bytes, off+16)}
}

// Receivers returns the words of the first n receivers.
func (p *Page) Receivers(n int) []Receiver {
	all := make([]Receiver, n)
	for i := range all {
		all[i] = p.Receiver(i)
	}
	return all
}
