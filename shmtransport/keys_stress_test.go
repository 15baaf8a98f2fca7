//go:build linux

package shmtransport

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

const stressKeys = 6

// keyedPayload is a payload that names its key and its number, in every word.
func keyedPayload(b []byte, key, number int) []byte {
	n := 8 * (1 + rand.IntN(60))
	fillTagged(b[:n], uint64(number)<<8|uint64(key))
	return b[:n]
}

// takeKeyed takes what there is, and holds some of it until the next call.
func takeKeyed(r *Reader, held *[]Sample, newest *[stressKeys]int) error {
	var last uint64
	for {
		s, ok, err := tryReceive(r)
		if err != nil || !ok {
			return err
		}
		tag := binary.LittleEndian.Uint64(s.Payload())
		if err := checkTagged(s.Payload()); err != nil || s.Sequence() <= last {
			return fmt.Errorf("sample %d after %d: %v", s.Sequence(), last, err)
		}
		last = s.Sequence()
		key, number := int(tag%256), int(tag>>8)
		if number < newest[key] {
			return fmt.Errorf("number %d of key %d after %d", number, key, newest[key])
		}
		newest[key] = number
		*held = append(*held, s)
		for len(*held) > 4 {
			i := rand.IntN(len(*held))
			h := (*held)[i]
			if err := checkTagged(h.Payload()); err != nil {
				return fmt.Errorf("held sample %d: %v", h.Sequence(), err)
			}
			h.Release()
			*held = append((*held)[:i], (*held)[i+1:]...)
		}
	}
}

// Readers join, lag and leave while a publisher updates keys, of which it disposes now and then. Passive ones read files, because the
// race detector does not know that they drop what they read of a slot that was reused.
func TestKeys_ConcurrentReaders(t *testing.T) {
	for _, opts := range []WriterOptions{
		{Depth: 1, MaxKeys: stressKeys}, {Depth: 4, MaxKeys: stressKeys}, {Depth: 32, MaxKeys: stressKeys, MemoryLimit: 60 << 10},
		{Depth: 16, MaxKeys: stressKeys, MemoryLimit: 60 << 10, Volatile: true},
	} {
		t.Run(fmt.Sprint("admitted/", opts.Depth), func(t *testing.T) {
			h := newEntryRing(t, opts)
			testKeys_ConcurrentReaders(t, h, func() *Reader { return h.reader(LinkRequest{}, ReaderOptions{}) })
		})
		t.Run(fmt.Sprint("passive/", opts.Depth), func(t *testing.T) {
			d := newDomain(t)
			h := &heapRing{t: t, w: d.writer(opts)}
			testKeys_ConcurrentReaders(t, h, func() *Reader { return d.passiveReader(h.w, ConnectOptions{}, ReaderOptions{}) })
		})
	}
}

func testKeys_ConcurrentReaders(t *testing.T, h *heapRing, connect func() *Reader) {
	var wg sync.WaitGroup
	done := make(chan struct{})
	var connecting sync.Mutex
	join := func() *Reader {
		connecting.Lock()
		defer connecting.Unlock()
		return connect()
	}
	lagging := []*Reader{join(), join()}
	var seen [4][stressKeys]int
	for i := range 4 {
		wg.Go(func() {
			var held []Sample
			defer func() {
				for _, s := range held {
					s.Release()
				}
			}()
			for {
				ended := false
				select {
				case <-done:
					ended = true
				default:
				}
				r := join()
				if i >= 2 {
					r.Close()
					r = lagging[i-2]
				} else {
					seen[i] = [stressKeys]int{}
				}
				if err := takeKeyed(r, &held, &seen[i]); err != nil {
					t.Error(err)
					return
				}
				if i < 2 {
					r.Close()
				}
				if ended {
					return
				}
			}
		})
	}
	buf := make([]byte, 1000)
	var last [stressKeys]int
	for number := 1; number <= 60_000/slowdown; number++ {
		key := int(rand.ExpFloat64()*2) % stressKeys
		if rand.IntN(200) == 0 {
			h.w.Dispose(fmt.Sprint(key))
		}
		if _, err := h.w.PublishKey(t.Context(), fmt.Sprint(key), keyedPayload(buf, key, number)); err == nil {
			last[key] = number
		} else if !strings.Contains(err.Error(), "no slot") {
			t.Fatal(err)
		}
	}
	for key := range stressKeys { // of those that were disposed of
		if _, err := h.w.PublishKey(t.Context(), fmt.Sprint(key), keyedPayload(buf, key, 1<<30)); err == nil {
			last[key] = 1 << 30
		}
	}
	close(done)
	wg.Wait()
	for i := range seen {
		if seen[i] != last {
			t.Errorf("reader %d has %v, not %v", i, seen[i], last)
		}
	}
	h.checkSlots()
	for _, r := range lagging {
		r.Close()
	}
}
