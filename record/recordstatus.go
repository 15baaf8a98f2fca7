package record

import (
	"context"
	"sync"
	"time"
)

// Verdict says whether a recorder keeps up.
type Verdict string

// Verdicts, of the last second.
const (
	KeepingUp     Verdict = "keeping up"
	FallingBehind Verdict = "falling behind" // the cache is filling
	Losing        Verdict = "losing"         // messages are lost
)

// RecordState says what a recorder does.
type RecordState string

// The states of a recorder.
const (
	Recording    RecordState = "recording"
	RecordPaused RecordState = "paused"
	Waiting      RecordState = "waiting for a trigger"
	RecordEnded  RecordState = "ended"
)

// Status is the state of a running recording. Counts are of the whole recording, rates of about the last second.
type Status struct {
	State   RecordState   `json:"state"`
	Verdict Verdict       `json:"verdict"`
	Elapsed time.Duration `json:"elapsed_ns"`

	Messages     uint64  `json:"messages"` // received and not left out
	Bytes        uint64  `json:"bytes"`    // payload of these
	Written      uint64  `json:"written"`  // in files
	InRate       float64 `json:"in_hz"`    // messages received
	InBytes      float64 `json:"in_bytes_per_s"`
	WrittenRate  float64 `json:"written_hz"`
	WrittenBytes float64 `json:"written_bytes_per_s"` // payload

	// Lost is all that was selected and is not in a file: Dropped by the recorder, and what publishers overwrote before it was received, also
	// while the recorder takes nothing because its cache is full.
	Lost      uint64 `json:"lost"`
	Dropped   uint64 `json:"dropped"`
	Throttled uint64 `json:"throttled"`

	Queue      int64 `json:"queue_bytes"` // waiting to be written
	QueueLimit int64 `json:"queue_limit_bytes"`
	Held       int64 `json:"held_bytes"` // before a trigger
	// HeldTime is how far back they reach, if TriggerOptions.Bytes is too small for all of TriggerOptions.Before.
	HeldTime time.Duration `json:"held_ns,omitempty"`
	DiskFree int64         `json:"disk_free_bytes"`

	Part     int   `json:"part"`       // number of the newest part, 0 = none
	Complete int   `json:"complete"`   // parts
	Deleted  int   `json:"deleted"`    // parts
	FileSize int64 `json:"file_bytes"` // of all parts of this recording

	Topics []TopicSummary `json:"topics"` // sorted by name
}

// Status returns the state of the recording.
func (rec *Recorder) Status() Status {
	s := rec.meter.latest()
	rec.count(&s)
	return s
}

// count fills in everything except rates and verdict. It does not wait for a sample that is being taken.
func (rec *Recorder) count(s *Status) {
	s.Elapsed = time.Duration(rec.clock.Now() - rec.r.start)
	s.Topics = rec.topicsWithLosses()
	s.Messages, s.Bytes = rec.r.counts.received()
	s.Written, s.Dropped, s.Throttled, s.Lost = 0, 0, 0, rec.r.counts.unseen.Load()
	for _, t := range s.Topics {
		s.Written += t.Messages
		s.Lost += t.Lost
		s.Dropped += t.Dropped
		s.Throttled += t.Throttled
	}
	queued, held := rec.w.Waiting()
	s.Queue, s.Held, s.QueueLimit = int64(queued), int64(held), rec.opts.Cache
	if reach, short := rec.w.HeldTime(); short {
		s.HeldTime = reach
	}
	s.DiskFree, _ = rec.parts.free()
	var files []string
	files, s.Deleted, s.FileSize = rec.parts.state(rec.w.Size())
	s.Complete = len(files)
	s.Part = rec.parts.number()
	s.State = rec.state()
}

func (p *parts) number() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil && len(p.files) == 0 {
		return 0
	}
	return p.newest
}

func (rec *Recorder) state() RecordState {
	select {
	case <-rec.ended:
		return RecordEnded
	default:
	}
	switch {
	case rec.r.pause.is.Load():
		return RecordPaused
	case rec.opts.Trigger != nil && !rec.parts.writing():
		return Waiting
	}
	return Recording
}

// writing reports whether a part is written, or begins when what waits before it is written.
func (p *parts) writing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current != nil || p.due.Load() > 0
}

// A meter measures the rates of a recording.
type meter struct {
	mu   sync.Mutex
	last Status
	at   time.Time

	writtenBytes uint64
}

func (m *meter) begin() {
	m.at = time.Now()
	m.last.Verdict = KeepingUp
}

func (m *meter) latest() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// run measures once a second and reports, until ctx ends.
func (m *meter) run(ctx context.Context, rec *Recorder) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			var s Status
			rec.count(&s)
			m.measure(&s, now)
			if rec.opts.Progress != nil {
				rec.opts.Progress(s)
			}
		}
	}
}

// Fill of the cache from which a recorder falls behind: at once, or if it grows.
const (
	muchQueued    = 2 // a half
	growingQueued = 8
)

// measure fills in the rates since the last call, and the verdict.
func (m *meter) measure(s *Status, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var written uint64
	for _, t := range s.Topics {
		written += t.Bytes
	}
	if d := now.Sub(m.at).Seconds(); d > 0 {
		s.InRate, s.InBytes = float64(s.Messages-m.last.Messages)/d, float64(s.Bytes-m.last.Bytes)/d
		s.WrittenRate, s.WrittenBytes = float64(s.Written-m.last.Written)/d, float64(written-m.writtenBytes)/d
	}
	switch {
	case s.Lost > m.last.Lost:
		s.Verdict = Losing
	case s.Queue > s.QueueLimit/muchQueued, s.Queue > s.QueueLimit/growingQueued && s.Queue > m.last.Queue:
		s.Verdict = FallingBehind
	default:
		s.Verdict = KeepingUp
	}
	m.last, m.at, m.writtenBytes = *s, now, written
}
