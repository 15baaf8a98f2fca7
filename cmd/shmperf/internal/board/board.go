package board

import (
	"io/fs"
	"path/filepath"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
)

// Seats is how many receivers a board has words for.
const Seats = 1024

// spacing keeps words of different writers two cache lines apart: CPUs fetch lines in pairs.
const spacing = 2 * mem.CacheLine

const (
	offLast  = 0
	offLine  = spacing
	offSeats = 2 * spacing
	size     = offSeats + Seats*spacing
)

const mode fs.FileMode = 0o600

// A Board is mapped by every process of a measurement.
type Board struct {
	mapping *shm.Mapping
	bytes   []byte
}

// Path is where the board of a measurement in dir is.
func Path(dir string) string { return filepath.Join(dir, "board") }

// Create makes the board of dir, with all words 0.
func Create(dir string) error {
	f, err := shm.Create(dir, size, mode)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Reserve(0, size); err != nil {
		return err
	}
	return f.Publish(Path(dir))
}

// Open maps the board of dir.
func Open(dir string) (*Board, error) {
	f, err := shm.OpenShared(Path(dir))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := f.Map(0, size, true)
	if err != nil {
		return nil, err
	}
	return &Board{mapping: m, bytes: m.Bytes()}, nil
}

// Close unmaps the board; its words must not be touched any more.
func (b *Board) Close() error { return b.mapping.Unmap() }

// Last is the sequence number of the last message, 0 until the sender knows it. It is there before that message is.
func (b *Board) Last() *atomic.Uint64 { return mem.Uint64(b.bytes, offLast) }

// Line is one cache line with a number to wait for and a stamp, for the floors.
func (b *Board) Line() (number *atomic.Uint32, stamp *atomic.Uint64) {
	return mem.Uint32(b.bytes, offLine), mem.Uint64(b.bytes, offLine+8)
}

// A Seat is the words that one receiver writes.
type Seat struct {
	Warm  *atomic.Uint32 // 1 when the receiver saw the last message that does not count
	Got   *atomic.Uint64 // the sequence number of the newest message it is done with
	Delay *atomic.Uint64 // how long that one took, in nanoseconds; written before Got
}

// Seat returns the words of receiver i, which is less than Seats.
func (b *Board) Seat(i int) Seat {
	off := offSeats + i*spacing
	return Seat{Warm: mem.Uint32(b.bytes, off), Got: mem.Uint64(b.bytes, off+8), Delay: mem.Uint64(b.bytes, off+16)}
}
