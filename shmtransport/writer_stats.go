package shmtransport

import (
	"encoding/binary"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/stats"
)

// copyStats copies a block of statistics, word by word, while another goroutine or process may be counting in it.
func copyStats(block []byte) []byte {
	b := make([]byte, stats.Size)
	for i := range mem.Uint64s(block, 0, stats.Size/8) {
		binary.NativeEndian.PutUint64(b[8*i:], mem.Uint64(block, 8*i).Load())
	}
	return b
}

// SetStats moves the publisher's statistics to a block of stats.Size bytes that other processes can read. The block
// must stay mapped until Close has returned.
func (w *Writer) SetStats(block []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	copy(block, w.statsBlock)
	w.useStatsBlock(block)
	w.stats.SetMemory(w.pool.reserved)
	w.stats.SetLoans(w.loans)
	w.stats.SetKeys(w.countKeys())
}

func (w *Writer) useStatsBlock(block []byte) {
	w.statsBlock, w.stats = block, stats.NewPublisher(block)
}

// Stats returns the publisher's statistics.
func (w *Writer) Stats() stats.PublisherCounts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return stats.ReadPublisher(copyStats(w.statsBlock))
}
