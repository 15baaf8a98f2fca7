package shmtransport
import ("testing";"time";"sync")
func lat(t *testing.T, n int, opts ReaderOptions, crowded bool, pubs int, lossless int) {
	h := newHeapRing(t, WriterOptions{Depth: 1})
	ws := new(Waits)
	if crowded { ws.direct.Store(directSleeps) }
	const per = 500
	var wg sync.WaitGroup
	for i := range n {
		r := NewReader(ws, nil, opts)
		h.connect(r, LinkRequest{Lossless: i < lossless})
		wg.Go(func(){ for { s, err := r.Receive(t.Context()); if err != nil { return }; q := s.Sequence(); s.Release(); if q == uint64(per*pubs) {return} } })
	}
	b := time.Now()
	var pg sync.WaitGroup
	for range pubs { pg.Go(func(){ for range per { h.publish("x") } }) }
	pg.Wait()
	t.Logf("readers %d lossless %d pubs %d spin %v crowded %v: %v per publish, waited %d", n, lossless, pubs, opts.Spin, crowded, time.Since(b)/time.Duration(per*pubs), h.w.Figures().Waited)
	h.w.Close(); for range 1 {wg.Wait()}
}
func TestLat(t *testing.T) {
	for _, sp := range []time.Duration{0,-1} { for _, cr := range []bool{false,true} {
		lat(t,1,ReaderOptions{Spin:sp},cr,1,1)
		lat(t,2,ReaderOptions{Spin:sp},cr,1,2)
		lat(t,5,ReaderOptions{Spin:sp},cr,1,2)
		lat(t,1,ReaderOptions{Spin:sp},cr,2,1)
		lat(t,2,ReaderOptions{Spin:sp},cr,2,2)
		lat(t,5,ReaderOptions{Spin:sp},cr,2,2)
	}}
}
