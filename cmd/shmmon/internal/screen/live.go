package screen

import (
	"maps"
	"slices"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/message"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// pollInterval is the time between two looks at the newest message, and so between two points of a plot.
const pollInterval = 200 * time.Millisecond

// plotLength is the number of points of a field that are kept.
const plotLength = 600

// A live follows the newest message of the topic that the screen shows one of. It reads only while something shows it, and then copies
// the newest message at intervals, whatever comes between.
type live struct {
	decoder message.Decoder
	topic   string // whose message is kept; empty: none
	there   bool   // the topic has a publisher
	turn    int    // counts the feeds, so that answers of an earlier one are told apart
	feed    message.Feed
	err     error // of opening or reading

	newest  message.Message
	got     bool // newest is a message
	fields  []message.Field
	decode  error             // why there are no fields
	before  map[string]string // values of the message before, by key
	series  map[string][]float64
	picture *pictured // nil: none was asked for yet
	frozen  bool      // the message stays; plots go on
	changes bool      // only fields that changed are shown
}

type feedMsg struct {
	turn int
	feed message.Feed
	err  error
}

type pollMsg struct{ turn int }

type messageMsg struct {
	turn    int
	message message.Message
	ok      bool
	err     error
	picture *pictured // of the message, or of the one that is shown; nil: none was wanted
}

// wanted returns the topic whose messages the screen shows, "" if it shows none, and whether there are publishers to read from. The last
// message of publishers that are gone stays.
func (m *Model) wanted() (name string, published bool) {
	if m.opts.Messages == nil || m.width < minWidth || m.height < minHeight {
		return "", false
	}
	switch p := m.page().(type) {
	case *detail:
		if p.showsMessage(m) {
			name = p.name
		}
	default:
		if m.split {
			name = m.topic()
		}
	}
	t, _ := m.view.Find(name)
	if published = len(t.Publishers) > 0; !published && !m.live.has(name) {
		name = ""
	}
	return name, published
}

// has reports whether there is a message of a topic.
func (l *live) has(name string) bool { return l.got && l.topic == name }

// sync follows the topic that the screen shows now, and lets the one before go.
func (l *live) sync(m *Model) tea.Cmd {
	want, published := m.wanted()
	old := l.feed
	switch {
	case want != l.topic:
		*l = live{topic: want, turn: l.turn, changes: l.changes}
	case published && !l.there: // again: the domain may be another one
	default:
		l.there = published
		return nil
	}
	l.turn++
	l.there, l.feed, l.err = published, nil, nil
	turn, messages := l.turn, m.opts.Messages
	return func() tea.Msg {
		if old != nil {
			_ = old.Close() // it only has read access, so nothing is left behind
		}
		if want == "" {
			return nil
		}
		feed, err := messages.Open(want)
		if err == nil {
			feed = &oneAtATime{feed: feed}
		}
		return feedMsg{turn, feed, err}
	}
}

func (l *live) opened(m *Model, msg feedMsg) tea.Cmd {
	if msg.turn != l.turn {
		if msg.feed != nil {
			return func() tea.Msg { _ = msg.feed.Close(); return nil }
		}
		return nil
	}
	l.feed, l.err = msg.feed, msg.err
	return l.poll(m, pollMsg{l.turn})
}

// poll asks for the newest message.
func (l *live) poll(m *Model, msg pollMsg) tea.Cmd {
	if msg.turn != l.turn || l.feed == nil {
		return nil
	}
	return l.pollCommand(m, msg.turn)
}

// take takes the newest message and asks for the next one later.
func (l *live) take(m *Model, msg messageMsg) tea.Cmd {
	if msg.turn != l.turn {
		return nil
	}
	if l.err = msg.err; msg.ok && msg.err == nil {
		l.show(m, msg.message)
	}
	l.takePicture(msg.picture)
	return m.opts.After(l.nextPoll(), pollMsg{l.turn})
}

func (l *live) show(m *Model, msg message.Message) {
	if l.got && m.paused {
		return
	}
	fields, err := l.decoder.Fields(&msg, m.plotted())
	l.plot(fields)
	m.markLiar(l.topic, &msg, err)
	if l.got && l.frozen {
		return
	}
	l.before = message.Values(l.fields)
	l.newest, l.got, l.fields, l.decode, l.picture = msg, true, fields, err, nil
	if d, ok := m.page().(*detail); ok {
		d.update(m)
	}
}

// markLiar marks a topic whose message is not of the announced type, if the error of decoding it says so.
func (m *Model) markLiar(name string, msg *message.Message, err error) {
	if !message.Lies(err) || m.liars[name] != nil {
		return
	}
	m.liars[name] = err
	m.log.Note(entry{At: m.view.At, Kind: watch.Undecodable, Topic: name, Unit: msg.Unit, PID: msg.PID, Text: "the bytes are not of the announced type: " + err.Error()})
}

// tellLiars adds to the topics what is known of their payloads.
func (m *Model) tellLiars(topics []topic) {
	for i := range topics {
		if err := m.liars[topics[i].Name]; err != nil && topics[i].State != watch.Gone {
			topics[i].PayloadError = err
		}
	}
}

// forgetLiars forgets those that are gone.
func (m *Model) forgetLiars(topics []topic) {
	maps.DeleteFunc(m.liars, func(name string, _ error) bool {
		return !slices.ContainsFunc(topics, func(t topic) bool { return t.Name == name && t.State != watch.Gone })
	})
}

// plot appends the numbers of a message to the series of their fields.
func (l *live) plot(fields []message.Field) {
	if l.series == nil {
		l.series = make(map[string][]float64)
	}
	const most = 4000 // fields that are kept, of messages whose fields change
	for _, f := range fields {
		if !f.Numeric || l.series[f.Key] == nil && len(l.series) >= most {
			continue
		}
		s := append(l.series[f.Key], f.Number)
		if len(s) > plotLength {
			s = append(s[:0], s[plotLength/4:]...)
		}
		l.series[f.Key] = s
	}
}

// close lets the feed go at the end of the program.
func (l *live) close() {
	if l.feed != nil {
		_ = l.feed.Close() // it only has read access, so nothing is left behind
	}
}

// A oneAtATime is a Feed whose methods may be called concurrently: it may be closed while it reads.
type oneAtATime struct {
	mu     sync.Mutex
	feed   message.Feed
	closed bool
}

func (o *oneAtATime) Newest() (message.Message, bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return message.Message{}, false, nil
	}
	return o.feed.Newest()
}

func (o *oneAtATime) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil
	}
	o.closed = true
	return o.feed.Close()
}
