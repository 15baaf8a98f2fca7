package edit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/mcapfile"
)

// A source is an open recording.
type source struct {
	path     string
	offset   time.Duration
	file     *os.File
	size     int64
	begin    uint64 // smallest and largest log time of the chosen messages, with the offset
	end      uint64
	any      bool   // there are chosen messages
	latched  bool   // on latched topics too
	memory   uint64 // that the options allow
	profile  string
	channels []*mcapfile.Channel // that were read
	damage   *mcapfile.Damage
}

// openAll opens the sources. Directories stand for the recordings in them.
func openAll(from []Source, memory uint64) (all []*source, err error) {
	defer func() {
		if err != nil {
			closeAll(all)
		}
	}()
	for _, s := range from {
		paths, err := record.Parts(s.Path)
		if err != nil {
			return all, err
		}
		for _, path := range paths {
			f, size, err := mcapfile.Open(path)
			if err != nil {
				return all, err
			}
			all = append(all, &source{path: path, offset: s.Offset, file: f, size: size, memory: memory})
		}
	}
	return all, nil
}

func closeAll(all []*source) {
	for _, s := range all {
		s.file.Close()
	}
}

// limits are those of reading one source.
func (s *source) limits() *mcapfile.Limits {
	return &mcapfile.Limits{Memory: s.memory / readShare, Whole: s.memory}
}

// reader starts to read a source, also what a chunk has that is cut off.
func (s *source) reader() (*mcapfile.Reader, error) {
	r, err := mcapfile.NewReader(s.file, s.size, s.limits())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	r.Salvage()
	return r, nil
}

// shifted returns a time of the recording with the source's offset.
func (s *source) shifted(at uint64) uint64 { return shift(at, s.offset) }

// published is the publish time with the source's offset. Some tools leave it out: then it stays 0.
func (s *source) published(m *mcapfile.Message) uint64 {
	if m.PublishTime == 0 {
		return 0
	}
	return s.shifted(m.PublishTime)
}

// shift adds an offset to a time, without overflow.
func shift(at uint64, by time.Duration) uint64 {
	if by < 0 {
		return at - min(at, uint64(-by))
	}
	return at + min(uint64(by), math.MaxUint64-at)
}

// note adds to the damage of a source. An error that is returned is not one of the file.
func (s *source) note(err error) error {
	if !mcapfile.Recoverable(err) && !errors.As(err, new(*mcapfile.TruncatedError)) {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	s.damage = s.damage.Note(err)
	return nil
}

// each calls fn with the messages of a source in the order of the file, without their payloads if skim is set, and notes damage.
func (s *source) each(ctx context.Context, r *mcapfile.Reader, skim bool, progress func(int64), fn func(*mcapfile.Message) error) error {
	var m mcapfile.Message
	for {
		var err error
		if skim {
			_, err = r.Skim(&m)
		} else {
			err = r.Next(&m)
		}
		if progress(r.Position()); ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err == nil:
			if err := fn(&m); err != nil {
				return err
			}
			continue
		}
		if err := s.note(err); err != nil {
			return err
		}
		if !mcapfile.Recoverable(err) {
			return nil
		}
	}
}

// survey finds the times of a source, and its profile, and checks its offset.
func (s *source) survey(ctx context.Context, o *Options, progress func(int64)) error {
	r, err := s.reader()
	if err != nil {
		return err
	}
	keep := make(map[*mcapfile.Channel]bool)
	earliest := uint64(math.MaxUint64)
	err = s.each(ctx, r, true, progress, func(m *mcapfile.Message) error {
		kept, seen := keep[m.Channel]
		if !seen {
			kept = o.keeps(m.Channel)
			keep[m.Channel] = kept
			s.latched = s.latched || kept && record.IsLatched(m.Channel)
		}
		if !kept {
			return nil
		}
		if !s.any {
			s.begin, s.end, s.any = m.LogTime, m.LogTime, true
		}
		s.begin, s.end = min(s.begin, m.LogTime), max(s.end, m.LogTime)
		if earliest = min(earliest, m.LogTime); m.PublishTime > 0 {
			earliest = min(earliest, m.PublishTime)
		}
		return nil
	})
	if err == nil && s.any {
		err = record.CheckOffset(s.path, earliest, s.end, s.offset)
	}
	s.begin, s.end = s.shifted(s.begin), s.shifted(s.end)
	s.profile, s.damage = r.Stats().Profile, nil // what is damaged is found again when it is read
	return err
}

// inTurn returns the sources by time, and whether they follow each other without overlap.
func inTurn(from []*source) (all []*source, follow bool) {
	all = slices.Clone(from)
	slices.SortStableFunc(all, func(a, b *source) int { return cmp.Compare(a.begin, b.begin) })
	end, any := uint64(0), false
	for _, s := range all {
		if s.any && any && s.begin < end {
			return from, false
		}
		if s.any {
			end, any = s.end, true
		}
	}
	return all, true
}
