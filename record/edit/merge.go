package edit

import (
	"cmp"
	"container/heap"
	"fmt"
	"iter"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// A stream yields the messages of a source by log time.
type stream struct {
	content *content
	index   int // among the sources, which orders messages of equal log time
	message mcapfile.Message
	next    func() (mcapfile.Message, error, bool)
	stop    func()
}

// merge writes sources that overlap in time by log time.
func (e *editor) merge() error {
	plans, err := e.plans()
	if err != nil {
		return err
	}
	var streams streamHeap
	defer func() {
		for _, s := range streams {
			s.stop()
		}
	}()
	messages := uint64(0)
	for i, s := range e.sources {
		plan := plans[i]
		if plan.Damage != nil {
			if err := s.note(plan.Damage); err != nil {
				return err
			}
		}
		c := e.contentOf(s)
		if err := c.others(plan.Stats.Metadata, plan.Stats.Attachments, plan.Declared); err != nil {
			return err
		}
		e.leaveOut(plan.Stats)
		messages += plan.Messages
		next, stop := iter.Pull2(plan.InOrder())
		streams = append(streams, &stream{content: c, index: i, next: next, stop: stop})
	}
	waiting := streams
	streams = nil
	for i, s := range waiting {
		if err := streams.add(s); err != nil {
			streams = append(streams, waiting[i+1:]...)
			return err
		}
	}
	for done := uint64(0); len(streams) > 0; done++ {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		if e.opts.Progress != nil {
			e.opts.Progress((float64(e.pass) + float64(done)/float64(messages)) / float64(e.passes))
		}
		s := streams[0]
		if err := s.content.message(&s.message); err != nil {
			return err
		}
		heap.Pop(&streams)
		if err := streams.add(s); err != nil {
			return err
		}
	}
	return nil
}

// plans reads all sources, and returns an error if they need more memory at once than there is.
func (e *editor) plans() (all []*mcapfile.Plan, err error) {
	need, limit := uint64(0), e.opts.Memory/mergeShare
	for _, s := range e.sources {
		plan, err := mcapfile.NewSalvagingPlan(s.file, s.size, s.limits(), e.opts.keeps)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.path, err)
		}
		if need += plan.Cost(); need <= limit {
			plan.Share(len(e.sources))
			all = append(all, plan)
		}
	}
	if need > limit {
		return nil, fmt.Errorf("merge %d recordings that overlap in time: they need %d MiB of memory, the limit is %d MiB; allow more (--memory), or merge some first",
			len(e.sources), (need*mergeShare+1<<20-1)>>20, e.opts.Memory>>20)
	}
	return all, nil
}

// add moves a stream to its next message.
func (h *streamHeap) add(s *stream) error {
	m, err, ok := s.next()
	if !ok || err != nil {
		s.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", s.content.from.path, err)
		}
		return nil
	}
	s.message = m
	heap.Push(h, s)
	return nil
}

// A streamHeap has the stream with the earliest message first.
type streamHeap []*stream

func (h streamHeap) Len() int { return len(h) }
func (h streamHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return cmp.Or(cmp.Compare(a.content.from.shifted(a.message.LogTime), b.content.from.shifted(b.message.LogTime)), cmp.Compare(a.index, b.index)) < 0
}
func (h streamHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *streamHeap) Push(x any)   { *h = append(*h, x.(*stream)) }
func (h *streamHeap) Pop() any {
	old := *h
	s := old[len(old)-1]
	*h = old[:len(old)-1]
	return s
}
