package record

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// A nextMessage is the next message of a file. Before the file is open, only a limit of its time is known.
type nextMessage struct {
	playMessage
	pull func() (mcapfile.Message, error, bool)
	stop func()
}

func (n *nextMessage) compare(o *nextMessage) int {
	return cmp.Or(cmp.Compare(n.time, o.time), cmp.Compare(n.file.index, o.file.index))
}

// waiting are the files with messages from a time on, by a time that is not after their first one.
func (a *playFiles) waiting(t uint64) (all []*nextMessage) {
	for _, f := range a.files {
		if first, _, any := f.plan.Times(f.unshifted(t)); any {
			all = append(all, &nextMessage{playMessage: playMessage{file: f, time: f.shifted(first)}})
		}
	}
	slices.SortFunc(all, (*nextMessage).compare)
	return all
}

// merge yields the messages of several files. Each file has memory from its first message to its last one only: the parts of a long
// recording follow each other. Messages of equal time come by the order of the files.
func (a *playFiles) merge(t uint64, room func(int) bool, yield func(playMessage, error) bool) {
	waiting, open := a.waiting(t), []*nextMessage(nil)
	defer func() {
		for _, n := range open {
			n.stop()
		}
	}()
	advance := func(i int) bool {
		n := open[i]
		m, err, ok := n.pull()
		if err != nil {
			yield(playMessage{}, fmt.Errorf("%s: %w", n.file.path, err))
			return false
		}
		if ok {
			n.playMessage = n.file.message(m, a.order)
			return true
		}
		n.stop()
		open = slices.Delete(open, i, i+1)
		return true
	}
	for len(open)+len(waiting) > 0 {
		i := -1
		for k, n := range open {
			if i < 0 || n.compare(open[i]) < 0 {
				i = k
			}
		}
		if len(waiting) > 0 && (i < 0 || waiting[0].compare(open[i]) < 0) {
			n := waiting[0]
			waiting[0] = nil // its last message is not needed when it is done
			n.pull, n.stop = iter.Pull2(n.file.plan.InOrderFrom(n.file.unshifted(t), func(int) bool { return true }))
			waiting, open = waiting[1:], append(open, n)
			if !advance(len(open) - 1) {
				return
			}
			continue
		}
		if m := open[i].playMessage; !room(len(m.Data)) || !yield(m, nil) {
			return
		}
		if !advance(i) {
			return
		}
	}
}

// share divides the memory among the files that are open at once. It returns an error if it is too little for them.
func (a *playFiles) share(memory uint64) error {
	var open []*playFile
	last := func(f *playFile) uint64 {
		_, last, _ := f.plan.Times(0)
		return f.shifted(last)
	}
	ends, most := make(map[*playFile]uint64), 1
	for _, n := range a.waiting(0) {
		ends[n.file] = last(n.file)
		open = append(slices.DeleteFunc(open, func(f *playFile) bool { return ends[f] < n.time }), n.file)
		need := uint64(0)
		for _, f := range open {
			need += f.plan.Cost()
		}
		if len(open) > 1 && need > memory {
			return fmt.Errorf("%d files have messages of the same time, %v: to read them at once needs %d MiB of memory or more, the limit is %d MiB; allow more (--memory), play fewer, or merge some first",
				len(open), wallTime(n.time), (need+1<<20-1)>>20, memory>>20)
		}
		most = max(most, len(open))
	}
	for _, f := range a.files {
		f.plan.Share(most)
	}
	return nil
}
