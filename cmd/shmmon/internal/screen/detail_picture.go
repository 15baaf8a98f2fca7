package screen

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/message"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/picture"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
)

// A pictured is the newest message as a picture, or why there is none.
type pictured struct {
	*picture.Picture
	err      error
	sequence uint64 // of the message
	took     time.Duration
}

// maxPicture bounds a picture in pixels; half of that many lines.
const maxPicture = 400

// restAfterPicture is how many times as long as a picture took nothing is decoded, so that pictures take a tenth of a core at most.
const restAfterPicture = 9

// wantsPicture reports whether the screen shows the newest message as a picture: always, or beside a table if it is an image.
func (m *Model) wantsPicture() (yes, ifImage bool) {
	if d, ok := m.page().(*detail); ok {
		return d.part == partImage, false
	}
	return m.split, true
}

// picturing returns what makes a picture of a message that is none yet; nil if no picture is shown. It may run on any goroutine.
func (l *live) picturing(m *Model) func(message.Message) *pictured {
	yes, ifImage := m.wantsPicture()
	if !yes {
		return nil
	}
	width, height := min(maxPicture, m.width), min(maxPicture, 2*m.height)
	return func(msg message.Message) *pictured {
		if ifImage && !picture.Is(msg.Type) {
			return nil
		}
		begin := time.Now()
		p, err := picture.Of(msg.Type, msg.Payload, width, height)
		return &pictured{p, err, msg.Sequence, time.Since(begin)}
	}
}

// takePicture takes a picture of the message that is shown.
func (l *live) takePicture(p *pictured) {
	if p != nil && l.got && p.sequence == l.newest.Sequence {
		l.picture = p
	}
}

// nextPoll is the time until the next look at the newest message.
func (l *live) nextPoll() time.Duration {
	if l.picture == nil {
		return pollInterval
	}
	return max(pollInterval, restAfterPicture*l.picture.took)
}

// pictureLines is the newest message as a picture.
func (d *detail) pictureLines(m *Model, w, h int) []string {
	l := &m.live
	lines := []string{text.Left(l.about(m), w)}
	switch p := l.picture; {
	case !l.got:
		return lines
	case p == nil:
		return append(lines, "looking…")
	case p.err != nil:
		return append(lines, m.styles.Paint(theme.Warning, text.Left("no picture: "+escape(p.err.Error()), w)))
	default:
		return append(lines, p.lines(m, w, h-len(lines))...)
	}
}

// lines is a picture that there is, below its size and encoding.
func (p *pictured) lines(m *Model, w, h int) []string {
	lines := []string{text.Left(fmt.Sprintf("%d x %d pixels, %s", p.Width, p.Height, escape(p.Encoding)), w)}
	small := p.Fit(w, 2*max(1, h-1))
	if m.opts.ASCII || m.profile < colorprofile.ANSI256 {
		return append(lines, picture.Characters(small)...)
	}
	return append(lines, picture.HalfBlocks(small)...)
}

// pollCommand looks at the newest message, and makes a picture of it, or of the one that is shown, if one is shown.
func (l *live) pollCommand(m *Model, turn int) tea.Cmd {
	feed, draw, shown := l.feed, l.picturing(m), l.newest
	again, held := l.got && l.picture == nil, l.got && (l.frozen || m.paused)
	return func() tea.Msg {
		msg := messageMsg{turn: turn}
		msg.message, msg.ok, msg.err = feed.Newest()
		switch {
		case draw == nil:
		case msg.ok && msg.err == nil && !held:
			msg.picture = draw(msg.message)
		case again:
			msg.picture = draw(shown)
		}
		return msg
	}
}
