// Package recorders asks the recorders of a domain what they do. A recorder that does not answer holds nothing up for longer than a second,
// and is then left alone for a while.
package recorders

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/control"
)

// A Recorder is the state of a recorder. Its texts come from another process and must be escaped for a terminal.
type Recorder struct {
	PID     int
	File    string // path
	State   record.RecordState
	Verdict record.Verdict
	Lost    uint64
	Size    int64 // bytes of all parts
	Free    int64 // bytes that are left on the disk
	Silent  bool  // it does not answer; only File and PID are of use, if it has answered before
	Died    bool  // its process ended without leaving; the other fields are those of before. A Domain does not set it
}

// A Source asks recorders. Ask must not be called concurrently with itself.
type Source interface {
	Ask(ctx context.Context) []Recorder
}

// Bounds of one Ask.
const (
	answerTime = time.Second      // for all of them
	silentTime = 10 * time.Second // until a recorder that did not answer is asked again
	maxAsked   = 16
)

// A Domain is the Source of a real domain. The zero value of all but Dir is ready.
type Domain struct {
	Dir string

	known map[string]answer // by socket
}

// An answer is what a socket has said, and when it may be asked again.
type answer struct {
	Recorder
	is    bool // the socket is a recorder's
	after time.Time
}

// Ask implements Source. It returns the recorders of this user, those in trouble first.
func (d *Domain) Ask(ctx context.Context) (all []Recorder) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	paths, err := control.Sockets(d.Dir)
	if err != nil {
		return nil // there is no domain, or the screen says why it cannot be read
	}
	paths = paths[:min(len(paths), maxAsked)]
	answers := make([]answer, len(paths))
	var asked sync.WaitGroup
	for i, path := range paths {
		answers[i] = d.known[path]
		if was := answers[i]; !time.Now().Before(was.after) {
			asked.Go(func() { answers[i] = ask(ctx, path, was) })
		}
	}
	asked.Wait()
	known := make(map[string]answer)
	for i, path := range paths {
		known[path] = answers[i]
	}
	d.known = known
	for _, a := range known {
		if a.is {
			all = append(all, a.Recorder)
		}
	}
	slices.SortFunc(all, func(a, b Recorder) int {
		if a.Trouble() != b.Trouble() {
			return b.Trouble() - a.Trouble()
		}
		return strings.Compare(a.File, b.File)
	})
	return all
}

// ask asks the server at a socket. A player is asked no more for a while.
func ask(ctx context.Context, path string, was answer) answer {
	silent := answer{Recorder{PID: was.PID, File: was.File, Silent: true}, true, time.Now().Add(silentTime)}
	c, err := control.Dial(ctx, path)
	if err != nil {
		silent.is = ctx.Err() != nil // otherwise it has ended, or is another user's
		return silent
	}
	defer c.Close()
	d := c.Description
	if d.Kind != "recorder" {
		return answer{after: time.Now().Add(silentTime)}
	}
	js, err := c.Do(ctx, "status", "summary")
	var s record.Status
	if err == nil {
		err = json.Unmarshal(js, &s)
	}
	if err != nil {
		silent.PID, silent.File = d.PID, d.Path
		return silent
	}
	return answer{Recorder: Recorder{d.PID, d.Path, s.State, s.Verdict, s.Lost, s.FileSize, s.DiskFree, false, false}, is: true}
}

// Trouble is how bad the state of a recorder is: 0 is good.
func (r *Recorder) Trouble() int {
	switch {
	case r.Died:
		return 4
	case r.Verdict == record.Losing:
		return 3
	case r.Silent:
		return 2
	case r.Verdict == record.FallingBehind:
		return 1
	}
	return 0
}
