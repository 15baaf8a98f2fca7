package shmtransport

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/shmbus/shmbus/internal/mem"
)

// A refusal of another reader does not count for a link that is requested while a publisher makes room.
func TestLink_RefusalOfAnotherReader(t *testing.T) {
	header := mem.Alloc(pubOffRing)
	table := newAdmissionTable(header)
	for i := range uint32(MaxReaders) {
		if _, ok := table.add(LinkRequest{Reader: 1, Link: i}, 1); !ok {
			t.Fatal("no room for the first")
		}
	}
	l := &Link{full: mem.Uint32(header, pubOffFull), admitGen: mem.Uint32(header, pubOffAdmitGen)}
	var round, done atomic.Int64
	const rounds = 20000 / slowdown
	go func() {
		for i := range int64(rounds) {
			for round.Load() <= i {
				runtime.Gosched()
			}
			table.remove(0)
			done.Add(1)
		}
	}()
	for i := range int64(rounds) {
		if _, ok := table.add(LinkRequest{Reader: 2}, 1); ok {
			t.Fatal("room for one too many")
		}
		l.requestGen = l.admitGen.Load()
		round.Add(1)
		refused := false
		for done.Load() <= i {
			refused = refused || l.refused()
			if runtime.GOMAXPROCS(0) == 1 {
				runtime.Gosched()
			}
		}
		if refused {
			t.Fatalf("round %d: refused without a refusal", i)
		}
		table.add(LinkRequest{Reader: 1}, 1)
	}
}
