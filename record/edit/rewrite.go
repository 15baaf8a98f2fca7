package edit

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/mcapfile"
)

// Rewrite writes a recording to the file at path from others, which it does not change. An existing file is never replaced. The file has
// another name until it is complete; after an error there is none. What cannot be read is left out and described in Result.Damage.
func Rewrite(ctx context.Context, path string, from []Source, opts *Options) (Result, error) {
	out, err := create(path, from)
	if err != nil {
		return Result{}, err
	}
	res, err := RewriteTo(ctx, out.file, from, opts)
	if err == nil {
		err = out.finish()
	}
	if err != nil {
		out.discard()
		return Result{}, err
	}
	return res, nil
}

// RewriteTo is Rewrite for a stream. After an error, what was written is no recording.
func RewriteTo(ctx context.Context, dst io.Writer, from []Source, opts *Options) (Result, error) {
	o, err := opts.checked()
	if err != nil {
		return Result{}, err
	}
	all, err := openAll(from, o.Memory)
	if err != nil {
		return Result{}, err
	}
	defer closeAll(all)
	e := &editor{ctx: ctx, opts: &o, sources: all, last: math.MaxUint64, topics: make(map[string]bool)}
	if err := e.run(dst); err != nil {
		return Result{}, err
	}
	for _, s := range all {
		if s.damage != nil && e.res.Damage == nil {
			e.res.Damage = fmt.Errorf("%s: %w", s.path, s.damage)
		}
	}
	e.res.Topics, e.res.FileSize = len(e.topics), e.w.Size()
	return e.res, nil
}

// An editor writes one recording.
type editor struct {
	ctx     context.Context
	opts    *Options
	sources []*source
	w       *mcapfile.Rewriter
	res     Result

	start, last uint64 // log times that are kept
	latched     map[messageKey]bool
	written     writtenRecords
	topics      map[string]bool

	passes, pass int // of the progress
	done, total  int64
}

func (e *editor) run(dst io.Writer) error {
	for _, s := range e.sources {
		e.total += s.size
	}
	e.passes = 1
	follow := true
	if len(e.sources) > 1 || e.opts.bounded() || e.sources[0].offset != 0 {
		e.passes = 2
		for _, s := range e.sources {
			if err := s.survey(e.ctx, e.opts, e.progress(s)); err != nil {
				return err
			}
		}
		e.nextPass()
		e.sources, follow = inTurn(e.sources)
		if err := e.findTimes(); err != nil {
			return err
		}
	}
	var err error
	if e.w, err = mcapfile.NewRewriter(dst, e.opts.rewriter(e.profile())); err != nil {
		return err
	}
	if err := e.findLatched(); err != nil {
		return err
	}
	if follow {
		for _, s := range e.sources {
			if err := e.copy(s); err != nil {
				return err
			}
		}
	} else if err := e.merge(); err != nil {
		return err
	}
	if err := e.checkChoice(); err != nil {
		return err
	}
	return e.w.Close()
}

// checkChoice returns an error if the options choose none of the topics.
func (e *editor) checkChoice() error {
	var all []*mcapfile.Channel
	for _, s := range e.sources {
		if s.damage != nil {
			return nil // it may have been there
		}
		all = append(all, s.channels...)
	}
	path := e.sources[0].path
	if n := len(e.sources) - 1; n > 0 {
		path += fmt.Sprintf(" and %d more", n)
	}
	o := e.opts
	err := record.CheckChosen(path, record.ChosenString(o.List, o.Topics, o.Exclude, o.Types), all, o.keeps)
	if err != nil {
		return err
	}
	for _, name := range o.List {
		if !slices.ContainsFunc(all, func(c *mcapfile.Channel) bool { return record.ChosenName(c) == name }) {
			e.res.Missing = append(e.res.Missing, name)
		}
	}
	return nil
}

// profile returns the profile of all sources, if they have the same.
func (e *editor) profile() string {
	if len(e.sources) == 1 && !e.opts.bounded() && e.sources[0].offset == 0 {
		return profileOf(e.sources[0])
	}
	for _, s := range e.sources[1:] {
		if s.profile != e.sources[0].profile {
			return ""
		}
	}
	return e.sources[0].profile
}

// profileOf reads the profile at the beginning of a source that was not surveyed.
func profileOf(s *source) string {
	r, err := s.reader()
	if err != nil {
		return ""
	}
	var m mcapfile.Message
	_, _ = r.Skim(&m)
	return r.Stats().Profile
}

// findTimes turns the limits of the options into log times. The error is that there are messages, and all are outside.
func (e *editor) findTimes() error {
	begin, end, any := uint64(math.MaxUint64), uint64(0), false
	for _, s := range e.sources {
		if s.any {
			begin, end, any = min(begin, s.begin), max(end, s.end), true
		}
	}
	o := e.opts
	e.start = record.LogTimeOf(o.Start)
	if end := record.LogTimeOf(o.End); end > 0 && end < math.MaxUint64 {
		e.last = end - 1
	}
	if !any {
		return nil
	}
	if o.StartElapsed > 0 {
		e.start = max(e.start, shift(begin, o.StartElapsed))
	}
	if o.EndElapsed > 0 {
		e.last = min(e.last, shift(begin, o.EndElapsed)-1)
	}
	return record.CheckTimes(e.start, min(e.last, math.MaxUint64-1)+1, begin, end) // an empty file would seem to be what was wanted
}

// progress returns a function that reports how far a source was read in the current pass.
func (e *editor) progress(s *source) func(int64) {
	before := e.done
	e.done += s.size
	return func(at int64) {
		if e.opts.Progress != nil {
			e.opts.Progress((float64(e.pass) + float64(before+at)/float64(max(e.total, 1))) / float64(e.passes))
		}
	}
}

func (e *editor) nextPass() { e.pass, e.done = e.pass+1, 0 }

// copy writes a source in the order of the file.
func (e *editor) copy(s *source) error {
	r, err := s.reader()
	if err != nil {
		return err
	}
	c := e.contentOf(s)
	err = s.each(e.ctx, r, false, e.progress(s), func(m *mcapfile.Message) error {
		if err := c.others(r.Metadata(), r.Attachments(), r.Channels()); err != nil {
			return err
		}
		return c.message(m)
	})
	if err == nil {
		err = c.others(r.Metadata(), r.Attachments(), r.Channels())
	}
	e.leaveOut(r.Stats())
	return err
}

// leaveOut counts the records of a source that have no place in the new file.
func (e *editor) leaveOut(s mcapfile.Stats) { e.res.LeftOut += s.Private + s.Unused }

// content is what of a source was written.
type content struct {
	*editor
	from        *source
	metadata    int
	attachments int
	declared    int
	all         []mcapfile.Metadata
	channels    map[*mcapfile.Channel]*mcapfile.Channel // of the new file, nil = left out
	publishers  record.Publishers
}

func (e *editor) contentOf(s *source) *content {
	return &content{editor: e, from: s, channels: make(map[*mcapfile.Channel]*mcapfile.Channel)}
}

// others writes what is new besides messages. Metadata precedes the messages that it describes.
func (c *content) others(metadata []mcapfile.Metadata, attachments []mcapfile.AttachmentInfo, channels []*mcapfile.Channel) error {
	c.all, c.from.channels = metadata, channels
	for _, m := range metadata[c.metadata:] {
		c.metadata++
		m = shiftMetadata(m, c.from.offset)
		if !c.written.metadata(&m, c.from) {
			continue
		}
		if err := c.w.WriteMetadata(m); err != nil {
			return err
		}
		c.res.Metadata++
	}
	for i := c.attachments; i < len(attachments); i++ {
		c.attachments++
		if err := c.attachment(attachments[i]); err != nil {
			return err
		}
	}
	for _, ch := range channels[c.declared:] {
		c.declared++
		if _, err := c.channel(ch); err != nil {
			return err
		}
	}
	return nil
}

func (c *content) attachment(a mcapfile.AttachmentInfo) error {
	fresh, err := c.written.attachment(&a, c.from)
	if err == nil && fresh {
		a.LogTime = c.from.shifted(a.LogTime)
		if err = c.w.WriteAttachment(&a, c.from.file); err == nil {
			c.res.Attachments++
		}
	}
	if err != nil && mcapfile.Recoverable(err) {
		return c.from.note(err)
	}
	return err
}

// channel returns the channel of the new file, nil if it is left out.
func (c *content) channel(ch *mcapfile.Channel) (*mcapfile.Channel, error) {
	to, seen := c.channels[ch]
	if seen || !c.opts.keeps(ch) {
		c.channels[ch] = to
		return to, nil
	}
	to, err := c.w.Channel(ch)
	c.channels[ch] = to
	return to, err
}

// message writes a message, if it is one to keep.
func (c *content) message(m *mcapfile.Message) error {
	to, err := c.channel(m.Channel)
	if to == nil || err != nil {
		return err
	}
	out := *m
	out.Channel, out.LogTime, out.PublishTime = to, c.from.shifted(m.LogTime), c.from.published(m)
	switch {
	case out.LogTime > c.last:
		return nil
	case out.LogTime < c.start:
		if !c.latched[keyOf(&out)] {
			return nil
		}
		out.LogTime = c.start
		c.res.Latched++
	}
	if len(c.sources) > 1 && c.isRepeated(m, &out) {
		c.res.Repeated++
		return nil
	}
	if err := c.w.Write(&out); err != nil {
		return err
	}
	c.topics[to.Topic] = true
	c.res.Messages++
	c.res.Bytes += uint64(len(out.Data))
	return nil
}
