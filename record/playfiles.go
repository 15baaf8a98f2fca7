package record

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"os"
	"slices"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// A PlayFile is a further file of a replay.
type PlayFile struct {
	Path   string        // a file, or a directory of parts
	Offset time.Duration // added to the times of its messages; a *OffsetError if that leads before 1970
}

// Order says by which of its times a message is played.
type Order int

const (
	ByLogTime     Order = iota // when it was recorded
	ByPublishTime              // when it was published; files are then always read completely before the first message
)

// A playFile is an open file of a replay.
type playFile struct {
	path        string
	index       int // among the files
	offset      time.Duration
	size        int64
	plan        *mcapfile.Plan
	attribution *attribution
}

// playFiles are the files of a replay, in the order in which their messages of equal time are played.
type playFiles struct {
	files    []*playFile
	order    Order
	opened   []*os.File
	messages uint64 // in the files, on the topics to be played
	size     int64
	start    uint64 // smallest and largest time of these messages
	end      uint64
	first    uint64 // and of all messages
	last     uint64
	damage   *mcapfile.Damage
	leftOut  []string // services whose calls are in the files and not played
}

// A playMessage is a message with the file that it is from. Its times have the file's offset.
type playMessage struct {
	mcapfile.Message
	file *playFile
	time uint64 // by which it is played
}

// openPlayFiles opens all files. Where the beginning is not played, it uses the index of a file, if that suffices.
func openPlayFiles(path string, o *PlayOptions) (*playFiles, error) {
	all := &playFiles{order: o.Order}
	for _, f := range append([]PlayFile{{Path: path}}, o.Files...) {
		paths, err := Parts(f.Path)
		for _, part := range paths {
			if err == nil {
				err = all.open(part, f.Offset, o)
			}
		}
		if err != nil {
			all.close()
			return nil, err
		}
	}
	all.describe()
	if err := all.share(cmp.Or(o.Memory, mcapfile.DefaultMemory)); err != nil {
		all.close()
		return nil, err
	}
	return all, nil
}

// checkChoice returns an error if the options choose none of the topics.
func (a *playFiles) checkChoice(path string, o *PlayOptions) error {
	var all []*mcapfile.Channel
	for _, f := range a.files {
		if f.plan.Damage != nil {
			return nil // it may have been there
		}
		all = append(all, f.plan.Declared...)
	}
	chosen := func(c *mcapfile.Channel) bool { return o.wants(ChosenName(c)) }
	return CheckChosen(path, ChosenString(nil, o.Topics, o.Exclude, nil), all, chosen)
}

func (a *playFiles) open(path string, offset time.Duration, o *PlayOptions) error {
	f, size, err := mcapfile.Open(path)
	if err != nil {
		return err
	}
	a.opened = append(a.opened, f)
	limits := &mcapfile.Limits{Memory: cmp.Or(o.Memory, mcapfile.DefaultMemory)}
	keep := func(c *mcapfile.Channel) bool {
		if isCall(c) {
			role := c.Metadata[keyRole]
			return (role == roleCalls || role == roleRequest) && o.wantsCalls(c)
		}
		return o.wants(c.Topic)
	}
	var plan *mcapfile.Plan
	indexed := false
	if o.window().begins() && o.Order == ByLogTime {
		plan, indexed, err = mcapfile.NewIndexedPlan(f, size, limits, keep)
	}
	switch {
	case indexed || err != nil:
	case o.Order == ByPublishTime:
		plan, err = mcapfile.NewPlanByPublishTime(f, size, limits, keep)
	default:
		plan, err = mcapfile.NewPlan(f, size, limits, keep)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if plan.Messages > 0 {
		if err := CheckOffset(path, min(plan.First, plan.Start), max(plan.First+plan.Span, plan.End), offset); err != nil {
			return err
		}
	}
	file := &playFile{path: path, index: len(a.files), offset: offset, size: size, plan: plan, attribution: newAttribution()}
	for _, m := range plan.Stats.Metadata {
		// After an invalid record its messages have no known publisher.
		_ = file.attribution.add(m)
	}
	a.files = append(a.files, file)
	for _, c := range plan.Declared {
		if name := c.Metadata[keyService]; name != "" && !o.wantsCalls(c) && o.wants(name) && !slices.Contains(a.leftOut, name) {
			a.leftOut = append(a.leftOut, name)
		}
	}
	return nil
}

// describe fills in what the files have together.
func (a *playFiles) describe() {
	var first, last uint64 = math.MaxUint64, 0
	a.start = math.MaxUint64
	for _, f := range a.files {
		a.size += f.size
		a.messages += f.plan.Messages
		if f.plan.Damage != nil {
			a.damage = a.damage.Note(f.plan.Damage)
		}
		if f.plan.Messages == 0 {
			continue
		}
		a.start, a.end = min(a.start, f.shifted(f.plan.Start)), max(a.end, f.shifted(f.plan.End))
		first, last = min(first, f.shifted(f.plan.First)), max(last, f.shifted(f.plan.First+f.plan.Span))
	}
	if a.start > a.end {
		a.start, a.end = 0, 0
		return
	}
	a.first, a.last = first, last
}

// channels are the channels of topics of all files in order of appearance, with the offset in their times.
func (a *playFiles) channels() []mcapfile.ChannelPlan { return a.channelsOf(false) }

// calls are the channels of services whose requests are sent.
func (a *playFiles) calls() []mcapfile.ChannelPlan { return a.channelsOf(true) }

func (a *playFiles) channelsOf(calls bool) (all []mcapfile.ChannelPlan) {
	for _, f := range a.files {
		for _, c := range f.plan.Channels {
			if isCall(c.Channel) == calls {
				c.First, c.Last = f.shifted(c.First), f.shifted(c.Last)
				all = append(all, c)
			}
		}
	}
	return all
}

// unread adds the damage that was found while messages were played.
func (a *playFiles) unread() *mcapfile.Damage {
	damage := a.damage
	for _, f := range a.files {
		if d := f.plan.Unread(); d != nil {
			damage = damage.Note(fmt.Errorf("%s: %w", f.path, d))
		}
	}
	return damage
}

func (a *playFiles) close() {
	for _, f := range a.opened {
		f.Close()
	}
}

// shifted adds the offset of the file to a time.
func (f *playFile) shifted(t uint64) uint64 {
	if f.offset < 0 {
		return t - min(t, uint64(-f.offset))
	}
	return t + min(uint64(f.offset), math.MaxUint64-t)
}

// unshifted is a time of the file that is not after the shifted time t.
func (f *playFile) unshifted(t uint64) uint64 {
	if f.offset < 0 {
		return t + min(uint64(-f.offset), math.MaxUint64-t)
	}
	return t - min(t, uint64(f.offset))
}

func (f *playFile) message(m mcapfile.Message, order Order) playMessage {
	published := f.shifted(m.PublishTime)
	m.LogTime = f.shifted(m.LogTime)
	if m.PublishTime > 0 { // else the file has none
		m.PublishTime = published
	}
	p := playMessage{Message: m, file: f, time: m.LogTime}
	if order == ByPublishTime {
		p.time = published
	}
	return p
}

// from yields the messages from a time on. room is as for mcapfile.Plan.InOrderWithin.
func (a *playFiles) from(t uint64, room func(int) bool) iter.Seq2[playMessage, error] {
	if len(a.files) == 1 {
		f := a.files[0]
		return func(yield func(playMessage, error) bool) {
			for m, err := range f.plan.InOrderFrom(f.unshifted(t), room) {
				if !yield(f.message(m, a.order), err) {
					return
				}
			}
		}
	}
	return func(yield func(playMessage, error) bool) { a.merge(t, room, yield) }
}

// ended returns the time after which a publisher was gone; MaxUint64 = no end is known.
func (a *playFiles) ended(publisher string) uint64 {
	for _, f := range a.files {
		if p := f.attribution.publishers[publisher]; p != nil && p.Ended > 0 {
			return f.shifted(p.Ended)
		}
	}
	return math.MaxUint64
}
